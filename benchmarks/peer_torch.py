"""PyTorch, the digital ceiling: the same networks in floating point, without anything analog.

Run by `benchmarks.workers`, see `benchmarks.protocol`; imports nothing of memramp.
"""

import os

from benchmarks.protocol import Work, serve


def load() -> dict[str, str]:
    """Import torch, set its threads, return its version."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1)
    return {"torch": torch.__version__}


def lstm(inputs: int, hidden: int, steps: int, batch: int, classes: int = 0) -> Work:
    """Return one pass of a digital LSTM over a batch of sequences, with a dense read-out if there are classes."""
    import torch

    layer = torch.nn.LSTM(inputs, hidden, batch_first=True)
    readout = torch.nn.Linear(hidden, classes) if classes else torch.nn.Identity()
    x = torch.rand(batch, steps, inputs) * 2 - 1

    def run() -> None:
        with torch.no_grad():
            readout(layer(x)[0][:, -1])

    return run


def lstm_step(rows: int, cols: int, batch: int) -> Work:
    """Return one step of a large LSTM: one product for all gates, their activations, the cell."""
    import torch

    w = torch.randn(rows, cols) * 0.05
    x, c = torch.rand(batch, rows) * 2 - 1, torch.zeros(batch, cols // 4)

    def run() -> object:
        with torch.no_grad():
            i, f, g, o = (x @ w).chunk(4, dim=1)
            state = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(state)

    return run


def language_model(hidden: int, projection: int, symbols: int, *, fused: bool = True) -> Work:
    """Return one pass of a digital language model over a text, to the log-probabilities of all symbols.

    With `fused`, torch's own layer runs the text in one call. Without, one product for all gates at each step: torch
    has no fast layer for projections on a processor.
    """
    import torch

    layer, readout = torch.nn.LSTM(128, hidden, proj_size=projection), torch.nn.Linear(projection, 50)
    table, text = torch.randn(50, 128), torch.randint(50, (symbols,))
    w_x, w_h, w_p = (getattr(layer, f"weight_{name}_l0").T.contiguous() for name in ("ih", "hh", "hr"))

    def steps(x: object) -> object:
        h, c, states = torch.zeros(1, projection), torch.zeros(1, hidden), []
        from_x = x @ w_x + layer.bias_ih_l0
        for t in range(symbols):
            i, f, g, o = torch.addmm(from_x[t : t + 1], h, w_h).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = (torch.sigmoid(o) * torch.tanh(c)) @ w_p
            states.append(h)
        return torch.cat(states)

    def run() -> object:
        with torch.no_grad():
            x = table[text]
            return torch.log_softmax(readout(layer(x)[0] if fused else steps(x)), dim=1)

    return run


def per_device(rows: int, cols: int, batch: int) -> Work:
    """Return a product for which every weight is drawn anew for every sample, as simulators on torch's tiles do it."""
    import torch

    w, x = torch.randn(rows, cols), torch.rand(batch, rows) * 2 - 1
    out = torch.empty(batch, cols)

    def run() -> None:
        with torch.no_grad():
            for sample in range(batch):
                torch.matmul(x[sample], torch.randn_like(w).mul_(0.05).add_(w), out=out[sample])

    return run


if __name__ == "__main__":
    serve({"lstm": lstm, "lstm_step": lstm_step, "language_model": language_model, "per_device": per_device}, load)
