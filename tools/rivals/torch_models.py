"""The workloads as one would write them in PyTorch by hand, tensors in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tools.workloads import Workload


class Resnet20(nn.Module):
    """As in `workloads._resnet20`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = normal(3, 16, 3, 1)
        self.blocks = nn.ModuleList()
        before = 16
        for stage, filters in enumerate((16, 32, 64)):
            for block in range(3):
                stride = 2 if stage and not block else 1
                short = nn.Conv2d(before, filters, 1, stride, bias=False)
                self.blocks.append(
                    nn.ModuleList(
                        [
                            normal(before, filters, 3, stride),
                            normal(filters, filters, 3, 1),
                            short if stride > 1 else nn.Identity(),
                        ]
                    )
                )
                before = filters
        self.last = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        """Return logits."""
        x = functional.relu(self.stem(x))
        for one, two, short in self.blocks:
            x = functional.relu(two(functional.relu(one(x))) + short(x))
        return self.last(x.mean((2, 3)))


def normal(before: int, filters: int, size: int, stride: int) -> Any:
    """Convolution and batch normalization."""
    return nn.Sequential(
        nn.Conv2d(before, filters, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01),
    )


class TextEmbed(nn.Module):
    """As in `workloads._text_embed`."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20000, 128)
        self.drop = nn.Dropout(0.5)
        self.one = nn.Conv1d(128, 128, 7, 3)
        self.two = nn.Conv1d(128, 128, 7, 3)
        self.dense, self.last = nn.Linear(128, 128), nn.Linear(128, 1)

    def forward(self, x: Any) -> Any:
        """Return logits."""
        x = self.drop(self.embed(x)).transpose(1, 2)
        x = functional.relu(self.two(functional.relu(self.one(x))))
        x = self.drop(functional.relu(self.dense(x.amax(2))))
        return self.last(x)


class Lstm(nn.Module):
    """As in `workloads._lstm`."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20000, 128)
        self.lstm = nn.LSTM(128, 64, batch_first=True)
        self.last = nn.Linear(64, 1)

    def forward(self, x: Any) -> Any:
        """Return logits."""
        return self.last(self.lstm(self.embed(x))[0][:, -1])


class Ticket(nn.Module):
    """As in `workloads._ticket`."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(20100, 64)
        self.priority, self.department = nn.Linear(64, 1), nn.Linear(64, 4)

    def forward(self, title: Any, body: Any, tags: Any) -> Any:
        """Return a probability and logits."""
        x = functional.relu(self.dense(torch.cat([title, body, tags], 1)))
        return self.priority(x).sigmoid(), self.department(x)


class Scale(nn.Module):
    """Pixels to [0, 1], the middle of each image first if asked for."""

    def __init__(self, crop: int = 0) -> None:
        super().__init__()
        self.crop = crop

    def forward(self, x: Any) -> Any:
        """Return floats."""
        if self.crop:
            top = (x.shape[2] - self.crop) // 2
            x = x[:, :, top : top + self.crop, top : top + self.crop]
        return x.float() * (1 / 255)


def module(name: str) -> nn.Module:
    """Return the model of a workload."""
    if name == "mnist_mlp":
        return nn.Sequential(
            Scale(), nn.Flatten(), nn.Linear(784, 128), nn.ReLU(),
            nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip
    if name == "mnist_mlp_512":
        return nn.Sequential(
            nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 10)
        )
    if name == "cnn_small":
        return nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3),
            nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5),
            nn.Linear(1600, 10),
        )  # fmt: skip
    if name == "cnn_seed":
        return nn.Sequential(
            Scale(150), nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(3),
            nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(3), nn.Conv2d(32, 32, 3),
            nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
        )  # fmt: skip
    made = {
        "resnet20_cifar": Resnet20, "text_embed": TextEmbed, "lstm": Lstm,
        "ticket": Ticket,
    }  # fmt: skip
    return made[name]()


def optimizer(name: str, parameters: Any) -> Any:
    """Return the optimizer of a workload, fused where PyTorch can."""
    if name in ("mnist_mlp_512", "cnn_seed", "ticket"):
        return torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, eps=1e-7)
    if name == "resnet20_cifar":
        return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=True)
    return torch.optim.Adam(parameters, lr=1e-3, eps=1e-7, fused=True)


def loss(name: str, given: Any, wanted: Any) -> tuple[Any, Any]:
    """Return the loss and the sum of a metric."""
    if name == "ticket":
        priority, department = given
        error = functional.mse_loss(priority, wanted["priority"])
        error = error + functional.cross_entropy(department, wanted["department"])
        return error, (priority - wanted["priority"]).abs().sum()
    if name in ("text_embed", "lstm"):
        error = functional.binary_cross_entropy_with_logits(given, wanted)
        return error, ((given > 0) == (wanted > 0.5)).sum()
    return functional.cross_entropy(given, wanted), (given.argmax(1) == wanted).sum()


class Torch:
    """Trains a workload step by step, as PyTorch programs do."""

    def __init__(self, name: str, workload: Workload) -> None:
        torch.manual_seed(0)
        self.workload, self.version = workload, torch.__version__
        last = torch.channels_last
        self.layout = last if name.endswith("last") else torch.contiguous_format
        self.module = module(workload.name).to(memory_format=self.layout)
        self.optimizer = optimizer(workload.name, self.module.parameters())

    def tensors(self, x: Any, y: Any = None) -> tuple[tuple[Any, ...], Any]:
        """Return arrays as tensors, images with their channels in front."""
        if isinstance(x, dict):
            found = {k: torch.from_numpy(v) for k, v in (y or {}).items()}
            return tuple(torch.from_numpy(v) for v in x.values()), found
        made = torch.from_numpy(x)
        if made.ndim == 4:
            made = made.permute(0, 3, 1, 2).contiguous(memory_format=self.layout)
        if y is None:
            return (made,), None
        whole = y.dtype == np.int32
        return (made,), torch.from_numpy(y.astype("int64") if whole else y)

    def step(self, x: tuple[Any, ...], y: Any) -> tuple[Any, Any]:
        """Make one step."""
        self.optimizer.zero_grad(set_to_none=True)
        error, metric = loss(self.workload.name, self.module(*x), y)
        error.backward()
        self.optimizer.step()
        return error.detach(), metric.detach()

    def first(self, x: Any, y: Any) -> None:
        """Make one step and look at the loss."""
        float(self.step(*self.tensors(x, y))[0])

    def epochs(self, x: Any, y: Any, count: int, tick: Callable[[], None]) -> None:
        """Train, calling `tick` after each epoch."""
        held, labels = self.tensors(x, y)
        rows, batch = len(held[0]), self.workload.batch
        for _ in range(count):
            order, total, metric = torch.randperm(rows), torch.zeros(()), 0
            for start in range(0, rows, batch):
                part = order[start : start + batch]
                wanted = (
                    {k: v[part] for k, v in labels.items()}
                    if isinstance(labels, dict)
                    else labels[part]
                )
                error, good = self.step(tuple(a[part] for a in held), wanted)
                total, metric = total + error * len(part), metric + good
            float(total), float(metric)
            tick()

    def predict(self, x: Any, batch: int) -> Any:
        """Return the answers to all rows."""
        self.module.eval()
        held, _ = self.tensors(x)
        with torch.inference_mode():
            return [
                self.module(*(a[i : i + batch] for a in held))
                for i in range(0, len(held[0]), batch)
            ]

    def one(self, x: Any) -> Callable[[], Any]:
        """Return a function that answers one row."""
        self.module.eval()
        held = [a[:1] for a in self.tensors(x)[0]]

        def answer() -> Any:
            with torch.inference_mode():
                return self.module(*held)

        return answer
