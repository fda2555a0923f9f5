"""The fused CPU engine: an MLP policy sampled from and trained by compiled kernels.

A tile of rows goes through all layers, the loss and back while it stays in the cache; products go
to the BLAS that numba reaches, everything elementwise is compiled around them. Knows neither torch
nor Ray nor the configuration; `trainer/ppo` hands it arrays.

Letters: R rows of a tile, K observation columns that can be non-zero, H action heads, L logits, W a
layer's width, P weights of a network.
"""
