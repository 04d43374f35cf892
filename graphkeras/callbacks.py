"""Keras's `keras.callbacks`: names only; they live with the training loop."""

from graphkeras.training.callbacks.backup import BackupAndRestore
from graphkeras.training.callbacks.callback import (
    Callback,
    CallbackList,
    History,
    LambdaCallback,
)
from graphkeras.training.callbacks.monitor import (
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from graphkeras.training.callbacks.schedule import (
    CSVLogger,
    LearningRateScheduler,
    SwapEMAWeights,
    TerminateOnNaN,
)
from graphkeras.training.callbacks.tensorboard import TensorBoard
from graphkeras.training.progress import ProgressBar as ProgbarLogger

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
