# SPDX-License-Identifier: MIT
"""Tiny seeded models whose outputs show mistakes: what the golden scripts share.

Every weight is random, also the biases and the norm weights (their usual values 0 and 1 hide bugs), and
queries and keys are large enough that attention is far from uniform.
"""
import os
import shutil

import torch

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")


def randomise(model, seed):
    """Fills every parameter of `model` from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "LayerNorm.weight" in name or "norm.weight" in name:
                parameter.copy_(1 + 0.3 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif "embeddings" in name:
                parameter.copy_(0.7 * noise)
            else:
                scale = 2.0 if ".query." in name or ".key." in name else 1.2
                parameter.copy_(scale * noise / parameter.shape[-1] ** 0.5)
    return model.eval()


def fresh(*path):
    """An empty folder of the fixtures."""
    folder = os.path.abspath(os.path.join(FIXTURES, *path))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder
