"""The consent side: the webhooks and the API of Didomi, in its own words."""
