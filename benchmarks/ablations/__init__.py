"""The ablation table: what the mask, the critics, the wavelets and the losses each are worth, at equal budgets."""
