"""Several GPUs of one machine that learn at once, each from windows of its own. After every round all go on from the mean of their weights
(local SGD, Stich, ICLR 2019), so they seldom wait for each other. Started by torchrun, which sets RANK and its like; alone without it."""
import os

import torch
import torch.distributed as dist


class Group:
    def __init__(self):
        self.size, self.rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
        if self.size > 1:
            torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
            dist.init_process_group('nccl')

    @property
    def is_first(self):
        return self.rank == 0

    def from_first(self, make):
        """What `make` returns in the first process, in all of them, when it is ready."""
        made = [make() if self.is_first else None]
        if self.size > 1:
            dist.broadcast_object_list(made)
        return made[0]

    @torch.no_grad()
    def mean(self, tensors):
        """Gives every tensor, in its place, the mean over all processes."""
        if self.size > 1:
            flat = torch.cat([tensor.flatten() for tensor in tensors])
            dist.all_reduce(flat, dist.ReduceOp.AVG)
            for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
                tensor.copy_(part.view_as(tensor))

    def close(self):
        if self.size > 1:
            dist.destroy_process_group()
