# Shortcuts for those who have make; tools/start.py does the work and needs only Python.
PYTHON ?= python3

.PHONY: demo test lint clean

demo test lint:
	@$(PYTHON) tools/start.py $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
