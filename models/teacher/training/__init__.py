"""Training of teachers: a denoiser by the DDPM objective, and generators that need four steps instead of hundreds."""
