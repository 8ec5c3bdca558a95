"""From PyTorch to the tensor level: ``import_function`` in ``fx.py``; what each ATen op becomes in ``aten_*.py``."""
