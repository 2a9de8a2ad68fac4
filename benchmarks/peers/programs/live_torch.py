"""The networks of `nmjax.live` in PyTorch: one by one, compiled, and equal ones side by side.

The program reads a specification, prints a line of JSON about itself, and trains all children anew
for each line of input, answered by seconds and the mean score. It runs in an environment of its
own, without nmjax.
"""

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.programs.live_torch_networks import make_network

REQUIREMENTS = ("torch==2.13.0", "numpy==2.4.6")
VARIANTS = ("loop", "compile", "func")


class Trainer:
    """Train children as `nmjax.live` does: AdamW, cosine decay, a score after each epoch."""

    def __init__(self, rows: dict[str, np.ndarray], spec: dict[str, Any]) -> None:
        import torch

        self.torch = torch
        self.rows = {name: torch.as_tensor(leaf) for name, leaf in rows.items()}
        self.children, self.family = spec["children"], spec["family"]
        self.epochs, self.batch, self.rate = spec["epochs"], spec["batch_size"], spec["rate"]
        self.steps = len(self.rows["train_y"]) // self.batch

    def network(self, child: dict[str, Any], *, batched: bool = False) -> Any:
        """A new network of its own size."""
        return make_network(self.family, child, batched=batched)

    def _train(self, params: list[Any], gradients: Callable, scores: Callable) -> list[Any]:
        """Run the epochs; return the scores after the last one."""
        torch, rows = self.torch, self.rows
        optimizer = torch.optim.AdamW(params, lr=self.rate, weight_decay=0.0, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs * self.steps)
        for _ in range(self.epochs):
            order = torch.randperm(len(rows["train_y"]))[: self.steps * self.batch]
            for batch in order.view(self.steps, self.batch):
                optimizer.zero_grad()
                gradients(rows["train_x"][batch], rows["train_y"][batch])
                optimizer.step()
                schedule.step()
            found = scores(rows["selection_x"], rows["selection_y"])
        scores(rows["test_x"], rows["test_y"])
        return found.flatten().tolist()

    def one_by_one(self, wrap: Callable = lambda network: network) -> list[float]:
        """Train each child alone."""
        return [score for child in self.children for score in self._alone(child, wrap)]

    def _alone(self, child: dict[str, Any], wrap: Callable) -> list[float]:
        torch = self.torch
        network = self.network(child)
        called = wrap(network)

        def gradients(x: Any, y: Any) -> None:
            torch.nn.functional.cross_entropy(called(x), y).backward()

        def scores(x: Any, y: Any) -> Any:
            with torch.no_grad():
                return (network(x).argmax(-1) == y).float().mean()

        return self._train(list(network.parameters()), gradients, scores)

    def side_by_side(self) -> list[float]:
        """Train children of one architecture by `torch.func` and `vmap`."""
        torch = self.torch
        first = self.network(self.children[0], batched=True)
        networks = [copy.deepcopy(first) for _ in self.children]
        for module in (module for network in networks for module in network.modules()):
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        base = copy.deepcopy(networks[0]).to("meta")
        params, _ = torch.func.stack_module_state(networks)

        def loss(params: dict[str, Any], x: Any, y: Any) -> Any:
            logits = torch.func.functional_call(base, params, (x,))
            return torch.nn.functional.cross_entropy(logits, y)

        gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))
        predict = torch.func.vmap(
            lambda params, x: torch.func.functional_call(base, params, (x,)), in_dims=(0, None)
        )

        def gradients(x: Any, y: Any) -> None:
            for name, leaf in gradient(params, x, y).items():
                params[name].grad = leaf

        def scores(x: Any, y: Any) -> Any:
            with torch.no_grad():
                return (predict(params, x).argmax(-1) == y).float().mean(-1)

        return self._train(list(params.values()), gradients, scores)


def peak_memory() -> int:
    """The largest memory of this process so far, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def main() -> None:
    """Serve one variant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", choices=VARIANTS, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", required=True, help="npz file of the task's rows")
    parser.add_argument("--spec", required=True, help="JSON file of children and settings")
    asked = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr

    import torch

    torch.set_num_threads(asked.threads)
    trainer = Trainer(dict(np.load(asked.rows)), json.loads(Path(asked.spec).read_text()))
    run = {
        "loop": trainer.one_by_one,
        "compile": lambda: trainer.one_by_one(torch.compile),
        "func": trainer.side_by_side,
    }[asked.variant]
    print(json.dumps({"torch": version("torch")}), file=answers, flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        scores = run()
        answer = {
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
            "score": float(np.mean(scores)),
            "peak_bytes": peak_memory(),
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
