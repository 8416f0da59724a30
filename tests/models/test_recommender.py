"""What trained recommenders hand on."""

import torch

from torchedu.models import GMF, MLP, NeuMF
from torchedu.testing.kinds import NetworkSubject


def test_neumf_takes_over_what_was_trained_before() -> None:
    subject = NetworkSubject(NeuMF)
    gmf, mlp, net = (NetworkSubject(kind).net() for kind in (GMF, MLP, NeuMF))
    assert net.start_from(gmf)
    assert net.start_from(mlp)
    batch = subject.batch()
    expected = (gmf.logits(gmf(batch)[:, 0]) + mlp.logits(mlp(batch)[:, 0])) / 2
    assert torch.allclose(net.logits(net(batch)[:, 0]), expected, atol=1e-5)
    assert not net.start_from(MLP(*subject.sizes.values(), hidden=(8, 4)))
    assert not gmf.start_from(mlp)
