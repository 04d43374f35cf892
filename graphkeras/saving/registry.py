"""Objects to configs and back, in Keras's format.

A config is ``{"module", "class_name", "config", "registered_name"}``. Only what is
public in graphkeras, registered, or handed over as `custom_objects` is ever built; no
code is stored or run.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import inspect
import marshal
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphkeras import config as settings
from graphkeras import dtypes
from graphkeras.errors import SavingError, message, nearest
from graphkeras.saving.argument_types import check_arguments, constructor

_registered: dict[str, Any] = {}  # "package>Name" -> class or function
_names: dict[Any, str] = {}  # class or function -> "package>Name"
_PLAIN = (str, int, float, bool, type(None))
_NUMBERS = (int, float, bool, type(None))

# Keras's public namespaces, as they stand in configs, and where ours live.
_NAMESPACES = (
    "layers", "models", "initializers", "regularizers", "constraints", "activations",
    "losses", "metrics", "optimizers", "optimizers.schedules", "dtype_policies",
    "callbacks", "quantizers", "random", "ops",
)  # fmt: skip
_TOP_LEVEL = {"Sequential", "Model", "DTypePolicy", "Variable"}
_FEATURES = "layers.preprocessing.feature_space"
_WRITTEN_AS = {"GroupedQueryAttention": "GroupQueryAttention"}
_KERAS_HOME = {
    "Functional": "keras.src.models.functional",
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
    "LayerScale": "keras.src.applications.convnext",
    "StochasticDepth": "keras.src.applications.convnext",
    "FeatureSpace": "keras.utils",
    **{
        name: f"keras.src.{_FEATURES}"
        for name in ("Feature", "Cross", "TFDIdentity", "TFDConcat")
    },
}


# Where the functions are that a config may name; no other function is ever found.
_FUNCTIONS = (
    "activations", "losses", "metrics", "constraints", "initializers", "regularizers",
    "ops",
)  # fmt: skip


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[Mapping[str, Any]] = []
        self.safe: bool | None = None  # in a load: whether stored code is refused
        self.shared: Mapping[int, int] = {}  # id of an object -> number in configs
        self.read: dict[Any, Any] | None = None  # number -> object made
        self.met: dict[str, Any] | None = None  # name -> what is the user's own


_scopes = _Scopes()


# ----------------------------------------------------------------------- registration


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """Return a decorator that lets a class or function be built from a config.

    Args:
        package: first part of the registered name ``"package>name"``.
        name: second part; by default the class's name.

    Raises:
        SavingError: for a class without `get_config`.

    Example:
        >>> @register_keras_serializable(package="docs")
        ... def twice(x):
        ...     return 2 * x
        >>> get_registered_name(twice)
        'docs>twice'
    """

    def decorator(target: Any) -> Any:
        if inspect.isclass(target) and not hasattr(target, "get_config"):
            raise SavingError(
                message(
                    target.__name__, "expected a class with a get_config() method.", "",
                    "Write get_config() before registering it.",
                )
            )  # fmt: skip
        registered = f"{package}>{name or target.__name__}"
        _registered[registered] = target
        _names[target] = registered
        return target

    return decorator


def get_custom_objects() -> dict[str, Any]:
    """Return the dict of everything registered, which may be edited."""
    return _registered


def get_registered_name(obj: Any) -> str:
    """Return ``"package>Name"`` of a registered object, else its own name."""
    return _names.get(obj, getattr(obj, "__name__", type(obj).__name__))


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return what is known under `name`, or None."""
    for table in (
        *reversed(_scopes.stack),
        _registered,
        custom_objects,
        module_objects,
    ):
        if table and name in table:
            return table[name]
    return None


class CustomObjectScope:
    """A ``with`` scope in which names in configs mean the given objects."""

    def __init__(self, custom_objects: Mapping[str, Any]) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        _scopes.stack.append(self.custom_objects)
        return self

    def __exit__(self, *exception: object) -> None:
        _scopes.stack.remove(self.custom_objects)


custom_object_scope = CustomObjectScope


@contextmanager
def sharing_when_written(shared: Sequence[Any]) -> Iterator[None]:
    """A scope in which configs of these objects are numbered, to stay one each."""
    before = _scopes.shared
    _scopes.shared = {id(x): number for number, x in enumerate(shared, 1)}
    try:
        yield
    finally:
        _scopes.shared = before


@contextmanager
def sharing_when_read() -> Iterator[None]:
    """A scope in which configs of one number make one object."""
    before, _scopes.read = _scopes.read, {}
    try:
        yield
    finally:
        _scopes.read = before


@contextmanager
def safe_mode_scope(safe_mode: bool) -> Iterator[None]:
    """A scope of loading, in which configs bring code and file names if not safe."""
    before, _scopes.safe = _scopes.safe, safe_mode
    try:
        yield
    finally:
        _scopes.safe = before


# ---------------------------------------------------------------------- serialization


def serialize_keras_object(obj: Any) -> Any:
    """Return `obj` as a config made of dicts, lists, strings and numbers.

    Raises:
        SavingError: for a lambda or an object without `get_config`.
    """
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        parts = [serialize_keras_object(x) for x in obj]
        return tuple(parts) if isinstance(obj, tuple) else parts
    if isinstance(obj, Mapping) and not hasattr(obj, "get_config"):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    special = _serialize_special(obj)
    if special is not None:
        return special
    if isinstance(obj, types.FunctionType):
        return serialize_function(obj)
    return serialize_instance(obj)


def _serialize_special(obj: Any) -> Any:
    """Values JSON has no word for."""
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        config = {"value": obj.tolist(), "dtype": dtypes.of_array(obj)}
        return obj.item() if obj.ndim == 0 else _tagged("__numpy__", config)
    if isinstance(obj, bytes):
        return _tagged("__bytes__", {"value": obj.decode("utf-8")})
    if isinstance(obj, slice):
        bounds = {k: serialize_keras_object(getattr(obj, k)) for k in
                  ("start", "stop", "step")}  # fmt: skip
        return _tagged("__slice__", bounds)
    if obj is Ellipsis:
        return _tagged("__ellipsis__", {})
    if hasattr(obj, "_keras_history"):
        return _tagged("__keras_tensor__", obj.get_config())
    if isinstance(obj, np.dtype):
        return dtypes.standardize(obj)
    return None


def _tagged(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


@contextlib.contextmanager
def noting_own() -> Iterator[dict[str, Any]]:
    """Collect the user's own classes and functions that configs name from now on.

    The dict is what `custom_objects` must be to read the configs again.
    """
    before, _scopes.met = _scopes.met, {}
    try:
        yield _scopes.met
    finally:
        _scopes.met = before


def _note(name: str, target: Any) -> None:
    if _scopes.met is not None:
        _scopes.met[name] = target


def serialize_function(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the config of a named function; its code is not stored."""
    name = get_registered_name(function)
    if "<" in function.__name__:
        raise SavingError(
            message(
                "serialize", "expected a named function, since code is never stored.",
                f"a {function.__name__}",
                "Define it with def and @keras.saving.register_keras_serializable().",
            )
        )  # fmt: skip
    home = public_module(function)
    if home is None:
        _note(name, function)
    elif "<locals>" in function.__qualname__:
        raise SavingError(
            message(
                "serialize", "expected functions that a file can name.",
                "a loop or a branch over symbolic tensors",
                "Write that loop or branch in the call() of a registered Layer.",
            )
        )  # fmt: skip
    return {
        "module": home or function.__module__, "class_name": "function",
        "config": name, "registered_name": name,
    }  # fmt: skip


def serialize_instance(obj: Any) -> dict[str, Any]:
    """Return the config of an object that has `get_config` (or of a class)."""
    if inspect.isclass(obj):
        return _tagged("class", {"name": get_registered_name(obj)})
    if not hasattr(obj, "get_config"):
        raise SavingError(
            message(
                type(obj).__name__, "expected an object with a get_config() method.",
                repr(obj), "Write get_config(), or pass something that has it.",
            )
        )  # fmt: skip
    cls = type(obj)
    module = public_module(cls)
    if not module:
        _note(get_registered_name(cls), cls)
    config = {
        "module": module or cls.__module__,
        "class_name": _WRITTEN_AS.get(cls.__name__, cls.__name__),
        "config": serialize_keras_object(obj.get_config()),
        "registered_name": None if module else get_registered_name(cls),
    }
    for part in ("build_config", "compile_config"):
        getter = getattr(obj, f"get_{part}", None)
        extra = getter() if getter else None
        if extra is not None:
            config[part] = serialize_keras_object(extra)
    if id(obj) in _scopes.shared:
        config["shared_object_id"] = _scopes.shared[id(obj)]
    return config


def public_module(target: Any) -> str | None:
    """Return Keras's name of the namespace in which `target` is public, or None."""
    home = getattr(target, "__module__", "") or ""
    if not home.startswith("graphkeras."):
        return None
    if target.__name__ in _KERAS_HOME:
        return _KERAS_HOME[target.__name__]
    if target.__name__ in _TOP_LEVEL:
        return "keras"
    for namespace in sorted(_NAMESPACES, key=len, reverse=True):
        if f"{home}.".startswith(f"graphkeras.{namespace}."):
            return f"keras.{namespace}"
    return None


# -------------------------------------------------------------------- deserialization


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **unused: Any,
) -> Any:
    """Build the object a config describes.

    Args:
        config: what `serialize_keras_object` returned.
        custom_objects: names to classes or functions, beside what is registered.
        safe_mode: False lets the config bring Python code, which is then run: only for
            a config you would run as a program.

    Raises:
        SavingError: for an unknown name, stored code, or a config of no known form.
    """
    if _scopes.safe is None:
        with safe_mode_scope(safe_mode and settings.safe_deserialization()):
            return deserialize_keras_object(config, custom_objects)
    if custom_objects:
        with CustomObjectScope(custom_objects):
            return deserialize_keras_object(config)
    if isinstance(config, str) and get_registered_object(config) is not None:
        return get_registered_object(config)
    if isinstance(config, _PLAIN):
        return config
    if isinstance(config, (list, tuple)):
        if all(type(x) in _NUMBERS for x in config):
            return config
        return type(config)(deserialize_keras_object(x) for x in config)
    if not isinstance(config, Mapping):
        raise SavingError(
            message("deserialize", "expected a config.", f"{type(config).__name__}")
        )
    if "class_name" not in config or "config" not in config:
        return {k: deserialize_keras_object(v) for k, v in config.items()}
    return _deserialize_tagged(config)


def _deserialize_tagged(config: Mapping[str, Any]) -> Any:
    class_name, inner = config["class_name"], config["config"]
    if class_name in _REVIVE:
        return _REVIVE[class_name](inner)
    if class_name == "function":
        return find(config, inner)
    number, made = config.get("shared_object_id"), _scopes.read
    if made is not None and number in made:
        return made[number]
    target = find(config, class_name)
    if not inspect.isclass(target):
        return target
    make = getattr(target, "from_config", None)
    if make is None:
        raise SavingError(
            message(class_name, "expected a class with a from_config() method.")
        )
    with _telling_where(class_name, inner):
        if _is_ours(target):
            check_arguments(target, inner or {}, in_safe_mode())
        instance = make(dict(inner or {}))
        _restore(instance, config)
    if made is not None and number is not None:
        made[number] = instance
    return instance


@contextmanager
def _telling_where(class_name: Any, inner: Any) -> Iterator[None]:
    """Note at an error in which object of a config it came up; the innermost counts."""
    try:
        yield
    except Exception as error:
        if not getattr(error, "__notes__", None):
            name = inner.get("name") if isinstance(inner, Mapping) else None
            error.add_note(f"{class_name} {name!r}" if name else str(class_name))
        raise


def _restore(instance: Any, config: Mapping[str, Any]) -> None:
    build = config.get("build_config")
    if build and not getattr(instance, "built", True):
        instance.build_from_config(build)
    compiled = config.get("compile_config")
    if compiled and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(compiled)


def in_safe_mode() -> bool:
    """Return whether a config is being read that must not bring code or file names."""
    return bool(_scopes.safe)


def _revive_code(config: Any) -> Any:
    """Make the function of a stored lambda, if the user vouches for the file."""
    if in_safe_mode():
        raise SavingError(
            message(
                "deserialize", "expected a config without code.",
                "a stored Python lambda",
                "Pass safe_mode=False only if you would run this file as a program; "
                "better save a registered named function instead.",
            )
        )  # fmt: skip
    stored = config.get("value") or [config[k] for k in ("code", "defaults", "closure")]
    warnings.warn(
        "A lambda stored in the file is made a function again and will run as part of "
        "the model, since safe_mode=False. It only works in the Python version that "
        "saved it.",
        stacklevel=2,
    )
    return _unmarshalled(*stored)


def _unmarshalled(code: str, defaults: Any, closure: Any) -> types.FunctionType:
    names = {
        "keras": importlib.import_module("graphkeras"), "np": np, "numpy": np,
        "ops": importlib.import_module("graphkeras.ops"),
    }  # fmt: skip
    cells = tuple(types.CellType(value) for value in closure or ())
    return types.FunctionType(
        marshal.loads(base64.b64decode(code)), names, "<lambda>",
        tuple(defaults) if defaults else None, cells,
    )  # fmt: skip


def _revive_slice(config: Mapping[str, Any]) -> slice:
    return slice(*(deserialize_keras_object(config[k]) for k in
                   ("start", "stop", "step")))  # fmt: skip


_REVIVE: dict[str, Callable[[Any], Any]] = {
    "__numpy__": lambda c: np.array(c["value"], dtypes.to_numpy(c["dtype"])),
    "__tensor__": lambda c: np.array(c["value"], dtypes.to_numpy(c["dtype"])),
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__ellipsis__": lambda c: Ellipsis,
    "__slice__": _revive_slice,
    "__lambda__": _revive_code,
    "__keras_tensor__": lambda c: TensorReference(**c),
}


class TensorReference:
    """A tensor of a functional model's config: which call of which layer gave it."""

    def __init__(self, shape: Any, dtype: str, keras_history: Any) -> None:
        self.shape, self.dtype = tuple(shape), dtype
        self.layer, self.call, self.index = keras_history


def find(config: Mapping[str, Any], name: str) -> Any:
    """Return the class or function a config names.

    Raises:
        SavingError: if nothing of that name is registered or public.
    """
    for key in (config.get("registered_name"), name, config["class_name"]):
        found = get_registered_object(key) if key else None
        if found is not None:
            return found
    module = config.get("module") or ""
    if config["class_name"] == "function" and module == "builtins":
        return find_public("keras", name, _FUNCTIONS)
    if module.split(".")[0] in ("keras", "graphkeras"):
        found = find_public(module, name, _places(module, config["class_name"]))
        if inspect.isclass(found) or config["class_name"] == "function":
            return found
    known = [*_registered, *(n for scope in _scopes.stack for n in scope)]
    raise SavingError(
        message(
            "deserialize", "expected a registered class or function.",
            f"{name!r} of module {module or None!r}",
            "Register it with @keras.saving.register_keras_serializable() or pass "
            f"custom_objects. {nearest(name, known)}",
        )
    )  # fmt: skip


def _places(module: str, class_name: str) -> Sequence[str]:
    """Our namespaces in which what Keras's `module` has may be."""
    if class_name == "FeatureSpace" or _FEATURES in module:
        return [_FEATURES]
    if ".applications." in module and _KERAS_HOME.get(class_name) == module:
        return [module.removeprefix("keras.src.")]
    known = _FUNCTIONS if class_name == "function" else _NAMESPACES
    parts = [p for p in module.split(".")[1:] if p != "src"]
    for depth in (2, 1):
        if ".".join(parts[:depth]) in known:
            return [".".join(parts[:depth])]
    return known


def find_public(module: str, name: str, places: Sequence[str]) -> Any:
    """Return what graphkeras calls `name` in one of its namespaces.

    Args:
        module: Keras's name of the namespace, for the message.
        name: name of a class or function.
        places: our namespaces.

    Raises:
        SavingError: if they have no such class or function.
    """
    names: list[str] = []
    for place in places:
        home = _import(place)
        found = getattr(home, name, None)
        if _is_ours(found):
            return found
        names += [n for n in dir(home) if _is_ours(getattr(home, n))]
    raise SavingError(
        message(
            "deserialize", f"expected a name in {module}.", repr(name),
            f"{nearest(name, names)} What is your own must be registered with "
            "@keras.saving.register_keras_serializable() or passed as custom_objects.",
        )
    )  # fmt: skip


def _import(namespace: str) -> Any:
    try:
        return importlib.import_module(f"graphkeras.{namespace}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("graphkeras."):
            raise
        return types.ModuleType(namespace)


def _is_ours(found: Any) -> bool:
    """Whether something is a class or function models are made of."""
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return False
    if found.__name__.startswith("_") or found.__name__ in _NOT_OF_MODELS:
        return False
    package, _, module = (found.__module__ or "").partition(".")
    known = module.partition(".")[0] in _NAMESPACES
    named = _KERAS_HOME.get(found.__name__) == f"keras.src.{module}"
    return package == "graphkeras" and (known or named)


_NOT_OF_MODELS = (
    "clone_model", "deserialize", "get", "load_model", "look_up", "model_from_json",
    "save_model", "serialize",
)  # fmt: skip


# ---------------------------------------------------------------- configs by argument


def init_arguments(cls: type) -> Iterator[str]:
    """Yield the named parameters of a class's constructor."""
    for name, parameter in list(constructor(cls).parameters.items())[1:]:
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            yield name


def config_by_attributes(obj: Any, cls: type | None = None) -> dict[str, Any]:
    """Return ``{argument: attribute of that name}`` for a constructor's arguments."""
    return {name: getattr(obj, name) for name in init_arguments(cls or type(obj))}


class Configurable:
    """Base of small objects whose attributes are named after their arguments."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return config_by_attributes(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make an object from `get_config`'s result."""
        return cls(**config)


def resolver(
    module: str, what: str, aliases: Mapping[str, Any], base: type
) -> Callable[[Any], Any]:
    """Return the `get` function of a namespace.

    Args:
        module: Keras's name of the namespace.
        what: word for messages, "initializer".
        aliases: lower-case names to classes.
        base: class of its objects.
    """

    def get(identifier: Any) -> Any:
        if identifier is None or isinstance(identifier, base):
            return identifier
        if isinstance(identifier, Mapping):
            return deserialize_keras_object({"module": module, **identifier})
        if isinstance(identifier, str):
            found = get_registered_object(identifier) or _alias(identifier)
            return found() if inspect.isclass(found) else found
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier):
            return identifier
        raise _unknown(identifier)

    def _alias(name: str) -> Any:
        known = {**aliases, **{cls.__name__: cls for cls in aliases.values()}}
        if name not in known:
            raise _unknown(name, known)
        return known[name]

    def _unknown(identifier: Any, known: Any = ()) -> SavingError:
        hint = nearest(identifier, known, what) if known else ""
        article = "an" if what[0] in "aeiou" else "a"
        asked = f"expected {article} {what}."
        return SavingError(message(f"{module}.get", asked, repr(identifier), hint))

    return get
