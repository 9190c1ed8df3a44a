"""The profile side: the webhooks and the API of Actito, in its own words."""
