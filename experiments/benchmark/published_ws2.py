"""The published way to compute ws2, written again from its description, to compare against: see wrank/loss/ws2.py.

``published_ws2`` builds both N x N covariances for their traces and takes the trace of the root from the complex
eigenvalues of a B x B matrix. ``textbook_ws2`` takes it from the N x N product of covariances, as the formula reads.
Shapes: B queries, N passages; in-batch passages of other queries hold grade 0.
"""

import torch
from torch import Tensor

_EPSILON = 1e-15


def published_ws2(scores_BN: Tensor, grades_BN: Tensor, temperature: float) -> Tensor:
    """Return SyCL's loss (arXiv 2503.23239) by B x B eigenvalues: sum |(lambda + 1e-15)^(1/2)|; float64."""
    mean_term, centred_p_NB, centred_t_NB = _centre(scores_BN, grades_BN, temperature)
    traces = (centred_p_NB @ centred_p_NB.T).trace() + (centred_t_NB @ centred_t_NB.T).trace()
    cross_BB = centred_p_NB.T @ centred_t_NB
    eigenvalues_B = torch.linalg.eigvals(cross_BB @ cross_BB.T)
    return mean_term + traces - 2 * (eigenvalues_B + _EPSILON).sqrt().abs().sum()


def textbook_ws2(scores_BN: Tensor, grades_BN: Tensor, temperature: float) -> Tensor:
    """Return the same by the N x N eigenvalues of cov_P cov_T; off by 6e-8 for each of its N - B zero eigenvalues."""
    mean_term, centred_p_NB, centred_t_NB = _centre(scores_BN, grades_BN, temperature)
    cov_p_NN, cov_t_NN = centred_p_NB @ centred_p_NB.T, centred_t_NB @ centred_t_NB.T
    eigenvalues_N = torch.linalg.eigvals(cov_p_NN @ cov_t_NN)
    return mean_term + cov_p_NN.trace() + cov_t_NN.trace() - 2 * (eigenvalues_N + _EPSILON).sqrt().abs().sum()


def _centre(scores_BN: Tensor, grades_BN: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the squared distance of the means, and the centred columns of P and T over sqrt(B - 1), [N, B]."""
    p_BN = (scores_BN.double() / temperature).softmax(1)
    t_BN = grades_BN.double().softmax(1)
    scale = max(len(p_BN) - 1, 1) ** -0.5
    mean_p_N, mean_t_N = p_BN.mean(0), t_BN.mean(0)
    return (mean_p_N - mean_t_N).square().sum(), scale * (p_BN - mean_p_N).T, scale * (t_BN - mean_t_N).T
