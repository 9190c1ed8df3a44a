"""Keeps consent choices the same in Didomi and Actito, in both directions."""
