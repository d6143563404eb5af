"""Networks composed of the layers below, in floating point and on analog hardware: keywords, texts, training.

- `spec`, `weights`, `float_network`, `checkpoint`: layers, their reference in floating point, trained weights as files;
- `hardware`, `gates`, `analog_cell`, `analog_network`, `kernels`: the same on arrays and converters, an object a chip;
- `audio`, `features`, `speech_commands`, `demo_keywords`, `keyword_data`: from sound to labelled features;
- `probe`, `step_errors`, `range_use`, `noise_sources`, `source_study`, `sensitivity`: diagnosis of a network on chips;
- `text`, `character_set`, `language_model`: from text to bits per character;
- `training*`, `*_training`, `augmentation` and, with PyTorch, `torch_*`: hardware-aware training.
- `importing`, `import_state`, `import_safetensors`, and, with PyTorch or ONNX, `import_torch`, `import_onnx`: networks
  of other programs.

Nothing is imported here: PyTorch is loaded by the modules that need it alone.
"""
