"""torchvision and transformers import whatever build of torch lies beside them."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_fresh_process_uses_torchvision_and_transformers_through_the_door() -> None:
    code = (
        "from study.models.torchvision_door import import_torchvision\n"
        "vision = import_torchvision()\n"
        "import torch, torchvision.transforms.v2 as T\n"
        "print(T.Resize((4, 4))(torch.zeros(3, 8, 8)).shape)\n"
        "from transformers import BertConfig, BertModel\n"
        "config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1,\n"
        "    num_attention_heads=1, intermediate_size=8)\n"
        "print(BertModel(config)(torch.zeros(1, 3, dtype=torch.long))[0].shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:2] == ["torch.Size([3, 4, 4])", "torch.Size([1, 3, 8])"]
