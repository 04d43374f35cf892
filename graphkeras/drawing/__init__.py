"""Pictures of graphs: where boxes and lines go, and files of them."""

from graphkeras.drawing.diagram import Card, Group, Link, draw
from graphkeras.drawing.dot import Dot
from graphkeras.drawing.picture import Picture

__all__ = ["Card", "Dot", "Group", "Link", "Picture", "draw"]
