"""Keras's `keras.preprocessing.image`: names only, each at home elsewhere."""

from graphkeras.data.pictures import (
    array_to_img,
    img_to_array,
    load_img,
    save_img,
    smart_resize,
)

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]
