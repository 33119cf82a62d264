"""One archive of everything a centre has to have again after its machine is gone."""
