"""Networks composed of the layers below: the LSTM in floating point and on analog hardware, keyword spotting, training.

- `lstm`, `checkpoint`: the float reference, and trained weights as files;
- `hardware`, `analog_lstm`, `kernels`: the same network on crossbars and converters, one object a chip;
- `audio`, `features`, `speech_commands`, `demo_keywords`, `keyword_data`: from sound to labelled features;
- `training_config`, `training_data`, `augmentation`, and, with PyTorch, `torch_network`, `training`, `training_state`;
- `importing`, `import_state`, `import_safetensors`, and, with PyTorch or ONNX, `import_torch`, `import_onnx`: networks
  of other programs.

Nothing is imported here: PyTorch is loaded by the modules that need it alone.
"""
