"""Running compiled programs; knows no op and no layer."""
