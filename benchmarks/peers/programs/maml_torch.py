"""MAML in PyTorch: batched by hand, with `torch.func`, and with `higher`."""

from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from benchmarks.peers.iterations import Implementation, Setting, Start, serve

REQUIREMENTS = ("torch==2.13.0", "higher==0.2.1", "numpy==2.4.6")


def prepare(variant: str, setting: Setting, start: Start) -> Implementation:
    """Prepare a variant; all use PyTorch's fused Adam and no compilation.

    `bmm` has the weights of all tasks along a batch axis, with `baddbmm` and `create_graph`. `func`
    uses `vmap` over tasks of nested `grad`. `higher` runs the inner loop one task at a time, as in
    its examples.
    """
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    activation = {"relu": torch.relu, "tanh": torch.tanh}[setting.activation]
    params = [torch.tensor(leaf, requires_grad=True) for leaf in start.params]
    pool = torch.tensor(start.pool)
    layers = len(setting.sizes) - 1

    def sample() -> tuple[torch.Tensor, ...]:
        s, shape = setting.support, (setting.tasks, setting.support + setting.query)
        if setting.pool:
            x = pool[torch.randint(setting.pool, shape)]
        else:
            x = torch.rand(*shape, setting.sizes[0]) * 10 - 5
        draws = torch.rand(2, setting.tasks, 1)
        y = (0.1 + 4.9 * draws[0]) * torch.sin(x.mean(dim=-1) - torch.pi * draws[1])
        return x[:, :s], y[:, :s], x[:, s:], y[:, s:]

    def by_hand(tasks: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Compute the meta-gradient in place at `params`, and return the loss."""
        support_x, support_y, query_x, query_y = tasks
        own = [leaf.expand(setting.tasks, *leaf.shape) for leaf in params]

        def errors(own: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            for i in range(layers):
                x = torch.baddbmm(own[2 * i + 1].unsqueeze(1), x, own[2 * i])
                x = activation(x) if i < layers - 1 else x
            return (x.squeeze(-1) - y).square().mean(dim=1)

        inner = torch.autograd.grad(errors(own, support_x, support_y).sum(), own, create_graph=True)
        adapted = [leaf - setting.inner_rate * g for leaf, g in zip(own, inner, strict=True)]
        loss = errors(adapted, query_x, query_y).mean()
        loss.backward()
        return loss.detach()

    def by_func(tasks: tuple[torch.Tensor, ...]) -> torch.Tensor:
        def error(own: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            for i in range(layers):
                x = x @ own[2 * i] + own[2 * i + 1]
                x = activation(x) if i < layers - 1 else x
            return (x.squeeze(-1) - y).square().mean()

        def of_task(own, support_x, support_y, query_x, query_y):
            inner = torch.func.grad(error)(own, support_x, support_y)
            adapted = [leaf - setting.inner_rate * g for leaf, g in zip(own, inner, strict=True)]
            return error(adapted, query_x, query_y)

        def objective(own):
            return torch.func.vmap(of_task, in_dims=(None, 0, 0, 0, 0))(own, *tasks).mean()

        found, loss = torch.func.grad_and_value(objective)([leaf.detach() for leaf in params])
        for leaf, g in zip(params, found, strict=True):
            leaf.grad = g
        return loss

    def by_higher() -> Callable[[tuple[torch.Tensor, ...]], torch.Tensor]:
        import higher

        class Network(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.leaves = torch.nn.ParameterList(params)

            def forward(self, x):
                for i in range(layers):
                    x = functional.linear(x, self.leaves[2 * i].T, self.leaves[2 * i + 1])
                    x = activation(x) if i < layers - 1 else x
                return x.squeeze(-1)

        network = Network()
        params[:] = list(network.leaves)
        inner_optimizer = torch.optim.SGD(network.parameters(), lr=setting.inner_rate)

        def through(tasks: tuple[torch.Tensor, ...]) -> torch.Tensor:
            total = torch.zeros(())
            for support_x, support_y, query_x, query_y in zip(*tasks, strict=True):
                with higher.innerloop_ctx(network, inner_optimizer, copy_initial_weights=False) as (
                    fast,
                    optimizer,
                ):
                    optimizer.step(functional.mse_loss(fast(support_x), support_y))
                    loss = functional.mse_loss(fast(query_x), query_y) / setting.tasks
                    loss.backward()
                    total += loss.detach()
            return total

        return through

    through = by_higher() if variant == "higher" else {"bmm": by_hand, "func": by_func}[variant]
    optimizer = torch.optim.Adam(params, lr=setting.outer_rate, fused=True)

    def gradient() -> list[np.ndarray]:
        optimizer.zero_grad()
        through(tuple(torch.tensor(leaf) for leaf in start.tasks))
        return [leaf.grad.numpy() for leaf in params]

    def iterate(count: int) -> float:
        losses = []
        for _ in range(count):
            optimizer.zero_grad()
            losses.append(through(sample()))
            optimizer.step()
        return float(torch.stack(losses).mean())

    packages = ("torch", "higher") if variant == "higher" else ("torch",)
    return Implementation(iterate, gradient, {name: version(name) for name in packages})


if __name__ == "__main__":
    serve(prepare)
