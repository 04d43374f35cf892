"""Process-wide settings, with Keras's names where Keras has them."""

from __future__ import annotations

import os
import random
import sys
from typing import Any

_FLOATS = ("float16", "bfloat16", "float32", "float64")

_settings: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "run_eagerly": False,
    "debug": os.environ.get("GRAPHKERAS_DEBUG", ""),
    "interactive_logging": True,
    "safe_deserialization": True,
    "threads": None,
    "flash_attention": False,
    "dtype_policy": None,
    "traceback_filtering": True,
    "max_epochs": None,
    "max_steps_per_epoch": None,
    "seed": None,
    "seeds": random.Random(),
}


def floatx() -> str:
    """Return the default float dtype, a string such as ``"float32"``."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float dtype.

    Raises:
        ValueError: if `value` is not one of the float dtypes.
    """
    if value not in _FLOATS:
        raise ValueError(
            f"set_floatx: expected one of {_FLOATS}.\n  Received value={value!r}."
        )
    _settings["floatx"] = value


def epsilon() -> float:
    """Return the small number that keeps divisions finite (1e-7 by default)."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the small number used to keep divisions finite."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """Return ``"channels_last"`` or ``"channels_first"``."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the default layout of images.

    Raises:
        ValueError: for anything but the two Keras names.
    """
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            "set_image_data_format: expected 'channels_last' or 'channels_first'."
            f"\n  Received data_format={data_format!r}."
        )
    _settings["image_data_format"] = data_format


def backend() -> str:
    """Return the name of the backend; there is one."""
    return "graphkeras"


def set_backend(backend: str) -> None:
    """Accept the one backend there is.

    Raises:
        ValueError: for any other.
    """
    if backend != "graphkeras":
        raise ValueError(
            "set_backend: expected 'graphkeras', which compiles what it runs itself."
            f"\n  Received backend={backend!r}."
        )


def is_nnx_enabled() -> bool:
    """Return whether variables are those of Flax: never, there is no JAX here."""
    return False


def enable_traceback_filtering() -> None:
    """Note that tracebacks may leave out what is inside; see below."""
    _settings["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Note that tracebacks are wanted whole: here they always are."""
    _settings["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Return what the last of the two above has noted; True at first."""
    return _settings["traceback_filtering"]


def max_epochs() -> int | None:
    """Return the most epochs any `fit` may run, None for no limit.

    Before `set_max_epochs` is called the environment's ``KERAS_MAX_EPOCHS`` says it.
    """
    return _limit("max_epochs")


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of any `fit`, to try a script; None for no limit."""
    _settings["max_epochs"] = max_epochs or 0


def max_steps_per_epoch() -> int | None:
    """Return the most batches of any epoch, evaluation or prediction, or None.

    Before `set_max_steps_per_epoch` is called the environment's
    ``KERAS_MAX_STEPS_PER_EPOCH`` says it.
    """
    return _limit("max_steps_per_epoch")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the batches of `fit`, `evaluate` and `predict`; None for no limit."""
    _settings["max_steps_per_epoch"] = max_steps_per_epoch or 0


def _limit(name: str) -> int | None:
    value = _settings[name]
    if value is None:  # never set
        given = os.environ.get(f"KERAS_{name.upper()}", "")
        value = int(given) if given.isdecimal() else 0
    return value or None


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Make every `fit`, `evaluate` and `predict` run step by step (for debugging)."""
    _settings["run_eagerly"] = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Return whether `run_functions_eagerly(True)` is in force."""
    return _settings["run_eagerly"]


def get_threads() -> int:
    """Return how many threads one program may use.

    Set by `set_threads`, or else by the environment variable ``GRAPHKERAS_THREADS``, or
    else the number of cores this process may run on. Programs for which fewer are
    faster use fewer. Results are the same to the bit for every number.

    Returns:
        A number of at least 1.

    Raises:
        ValueError: if ``GRAPHKERAS_THREADS`` is set, and not to such a number.
    """
    if _settings["threads"] is None:
        given = os.environ.get("GRAPHKERAS_THREADS", "").strip()
        _settings["threads"] = _number_of(given) if given else _cores()
    return _settings["threads"]


def set_threads(threads: int | None) -> None:
    """Set how many threads one program may use; None is as if it had not been set.

    Args:
        threads: at least 1.

    Raises:
        ValueError: for any other number.

    Example:
        >>> keras.config.set_threads(1)
        >>> keras.config.get_threads()
        1
        >>> keras.config.set_threads(None)
    """
    valid = isinstance(threads, int) and not isinstance(threads, bool) and threads >= 1
    if threads is not None and not valid:
        raise ValueError(
            "set_threads: expected a number of at least 1, or None."
            f"\n  Received threads={threads!r}."
        )
    _settings["threads"] = threads


def _number_of(given: str) -> int:
    if not given.isdigit() or int(given) < 1:
        raise ValueError(
            "GRAPHKERAS_THREADS: expected a number of at least 1.\n"
            f"  Received {given!r}.\n  Set it to one, or unset it."
        )
    return int(given)


def _cores() -> int:
    """Return the number of cores that this process may use, each counted once."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    found = set()
    for core in os.sched_getaffinity(0):
        path = f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
        found.add(_first_line(path) or core)
    return max(1, min(len(found), _quota()))


def _quota() -> int:
    """Return how many cores the process's control group may keep busy."""
    words = _first_line("/sys/fs/cgroup/cpu.max").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return sys.maxsize
    return -(-int(words[0]) // int(words[1]))


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def debug(what: str) -> bool:
    """Return whether the environment asks to debug `what` (``GRAPHKERAS_DEBUG=ir``)."""
    return what in _settings["debug"].split(",")


def set_debug(value: str) -> None:
    """Set the comma-separated debug switches (``"ir"``, ``"llvm"``, ``"asm"``,
    ``"profile"``)."""
    _settings["debug"] = value


def is_interactive_logging_enabled() -> bool:
    """Return whether progress bars may redraw the terminal line."""
    return _settings["interactive_logging"]


def enable_interactive_logging() -> None:
    """Let progress bars redraw the terminal line."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Print plain lines instead of a progress bar."""
    _settings["interactive_logging"] = False


def safe_deserialization() -> bool:
    """Return whether models are loaded without the code they may bring."""
    return _settings["safe_deserialization"]


def enable_unsafe_deserialization() -> None:
    """Run the code that loaded models bring: only if all files are your own."""
    _settings["safe_deserialization"] = False


def held_policy() -> Any:
    """Return the policy set by `set_dtype_policy`, None before."""
    return _settings["dtype_policy"]


def dtype_policy() -> Any:
    """Return the policy of layers made without a dtype: that of `floatx` at first."""
    from graphkeras.dtype_policies import default_policy  # it asks here for floatx

    return default_policy()


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers made without a dtype, such as ``"mixed_float16"``."""
    from graphkeras.dtype_policies import get

    _settings["dtype_policy"] = get(policy)


def is_flash_attention_enabled() -> bool:
    """Return whether attention layers are asked for flash attention.

    It says what they may be asked to give; how they compute does not depend on it.
    """
    return _settings["flash_attention"]


def enable_flash_attention() -> None:
    """Have attention layers made from now on refuse what flash attention lacks."""
    _settings["flash_attention"] = True


def disable_flash_attention() -> None:
    """Undo `enable_flash_attention`."""
    _settings["flash_attention"] = False


def global_seed() -> int | None:
    """Return the seed given to `keras.utils.set_random_seed`, or None."""
    return _settings["seed"]


def set_global_seed(seed: int | None) -> None:
    """Start anew the series of seeds for whoever is given none."""
    _settings["seed"] = seed
    _settings["seeds"] = random.Random(seed)


def draw_seed() -> int:
    """Return the next seed of the series that `set_global_seed` began."""
    return _settings["seeds"].getrandbits(31)


def seed_series() -> object:
    """Return an object that changes whenever the series of seeds begins anew."""
    return _settings["seeds"]
