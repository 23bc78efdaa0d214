"""Work on the GPU that is recorded once and then replayed: a step of a small model is thousands of small kernels, and starting each from Python
takes longer than running it (base on a slow host: 0.54 s a step)."""
import torch


class Recorded:
    """A function of tensors that keep their places. On a GPU it is recorded at the first call, after some runs to warm up, and replayed at
    every call; elsewhere it simply runs. Its result keeps its place too: the next call overwrites it."""

    pool = None

    def __init__(self, function, device, warm_up=2):
        self.function, self.is_recorded, self.warm_up, self.graph = function, device == 'cuda', warm_up, None

    def __call__(self):
        if not self.is_recorded:
            return self.function()
        if self.graph is None:
            self.record()
        self.graph.replay()
        return self.result

    def record(self):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(self.warm_up):
                self.function()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        # One pool for all: they never run at the same time.
        with torch.cuda.graph(self.graph, pool=Recorded.pool):
            self.result = self.function()
        Recorded.pool = self.graph.pool()
