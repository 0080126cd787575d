"""Tensors of torch: what comes back, where it lies, and where a write goes."""

import pickle

import pytest
import torch

from brain_plasma import Brain, BrainError


def same(one, other):
    assert type(one) is type(other)
    assert (one.dtype, one.shape, one.requires_grad) == (other.dtype, other.shape, other.requires_grad)
    assert one.detach().contiguous().view(torch.uint8).equal(other.detach().contiguous().view(torch.uint8))


TENSORS = {
    "integers": lambda: torch.arange(1000),
    "no elements": lambda: torch.empty(0, 3),
    "0-d": lambda: torch.tensor(5.0).reshape(1),
    "bool": lambda: torch.tensor([True, False]),
    "bfloat16": lambda: torch.ones(3, 4, dtype=torch.bfloat16),
    "float8": lambda: torch.ones(8, dtype=torch.float8_e4m3fn),
    "complex": lambda: torch.ones(3, dtype=torch.complex64),
    "transposed": lambda: torch.randn(5, 7).T,
    "permuted": lambda: torch.randn(4, 1, 6).permute(2, 0, 1),
    "channels last": lambda: torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "every other row": lambda: torch.randn(10, 10)[::2, 1:],
    "wants a gradient": lambda: torch.randn(3, requires_grad=True),
    "parameter": lambda: torch.nn.Parameter(torch.ones(2, 2)),
    "frozen parameter": lambda: torch.nn.Parameter(torch.ones(2, 2), requires_grad=False),
}


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
@pytest.mark.parametrize("pickle_allowed", [True, False])
def test_it_comes_back(path, make, pickle_allowed):
    with Brain(path=path, pickle=pickle_allowed) as brain:
        tensor = make()
        brain["x"] = tensor
        same(brain["x"], tensor)
        brain["y"] = {"a": [tensor, 5]}
        same(brain["y"]["a"][0], tensor)
        brain.destroy()


def test_0_d(brain):
    brain["x"] = torch.tensor(5.5)
    assert brain["x"].shape == () and float(brain["x"]) == 5.5


@pytest.mark.parametrize("name", ["transposed", "permuted", "channels last"])
def test_strides_are_kept(brain, name):
    brain["x"] = tensor = TENSORS[name]()
    assert brain["x"].stride() == tensor.stride()


def private_kilobytes():
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def test_nothing_is_copied_and_a_write_stays_in_the_process(brain, path):
    brain["x"] = torch.ones(25_000_000)
    before = private_kilobytes()
    tensor = brain["x"]
    assert float(tensor.sum()) == 25_000_000
    assert private_kilobytes() - before < 10_000
    tensor[:5] = 7
    with Brain(path=path) as other:
        assert float(other["x"][:5].sum()) == 5
    assert float(brain["x"][:5].sum()) == 5


def test_a_tensor_outlives_name_and_store(path):
    brain = Brain(path=path)
    brain["x"] = torch.ones(1000)
    tensor = brain["x"]
    del brain["x"]
    brain.destroy()
    assert float(tensor.sum()) == 1000


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(300, 300)

    def forward(self, x):
        return self.layer(x)


def test_a_module_shares_its_parameters(brain):
    net = Net()
    brain["net"] = net
    x = torch.randn(4, 300)
    assert brain["net"](x).equal(net(x))
    stream = pickle.dumps(net, protocol=5)
    brain["state"] = net.state_dict()
    assert brain["state"]["layer.weight"].equal(net.layer.weight)
    assert len(stream) > 300_000


def test_what_has_no_memory_comes_back_without(brain):
    brain["x"] = torch.empty(3, device="meta")
    assert brain["x"].device.type == "meta" and brain["x"].shape == (3,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_memory_of_a_gpu_is_refused(brain):
    with pytest.raises(BrainError, match="cpu()"):
        brain["x"] = torch.ones(3, device="cuda")


def test_dlpack(brain):
    brain["x"] = torch.arange(10)
    assert torch.from_dlpack(brain["x"]).equal(torch.arange(10))
    assert brain["x"].numpy().sum() == 45
