"""Muon (Jordan et al. 2024, github.com/KellerJordan/Muon): momentum made orthogonal by Newton-Schulz, all matrices of a shape at once."""

import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
STEPS = 5
UPDATE_RMS = 0.2
"""The update's root mean square at learning rate 1, as AdamW's would be (Liu et al. 2025, "Muon is scalable")."""


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """[k, rows, columns] -> the nearest semi-orthogonal matrices, roughly."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.bfloat16()
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices only. A step whose `found_inf` is set changes nothing."""

    def __init__(self, parameters, lr: float, momentum: float = 0.95, weight_decay: float = 0.05) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.found_inf: torch.Tensor | None = None

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            shapes: dict[tuple[int, int], list[torch.Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(tuple(p.shape), []).append(p)
            for (rows, columns), parameters in shapes.items():
                gradient = torch.stack([p.grad for p in parameters])
                usable = 1.0 if self.found_inf is None else 1 - self.found_inf
                if self.found_inf is not None:
                    gradient = torch.where(self.found_inf > 0, 0.0, gradient)
                state = self.state[parameters[0]]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                momentum = state["momentum"]
                momentum.lerp_(gradient, 1 - group["momentum"])
                update = orthogonal(gradient.lerp(momentum, group["momentum"])).float()
                update = update * (UPDATE_RMS * max(rows, columns) ** 0.5 * group["lr"] * usable)
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_sub_(parameters, list(update.unbind(0)))
