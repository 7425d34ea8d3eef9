"""What samplers are measured against: priors whose posterior is known in closed form, and distances to it."""
