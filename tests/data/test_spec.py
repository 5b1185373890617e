import torch

from rnnbench.data.spec import Batch


def test_valid_steps_are_within_length_and_mask():
    mask = torch.tensor([[True, False, True], [True, True, True]])
    batch = Batch(torch.zeros(2, 3, 1), torch.zeros(2, 3), lengths_B=torch.tensor([3, 2]), mask=mask)
    assert batch.valid_BT().tolist() == [[True, False, True], [True, True, False]]
    assert len(batch) == 2


def test_without_lengths_all_steps_are_valid():
    assert Batch(torch.zeros(2, 3, 1), torch.zeros(2)).valid_BT().all()


def test_to_moves_all_but_lengths():
    batch = Batch(torch.zeros(1, 2, 1), torch.zeros(1), torch.tensor([2]), torch.ones(1, 2) > 0, torch.ones(1, 3)).to(
        "meta"
    )
    moved = (batch.inputs_BTI, batch.targets, batch.mask, batch.side_BS)
    assert {part.device.type for part in moved} == {"meta"}
    assert batch.lengths_B.device.type == "cpu"
