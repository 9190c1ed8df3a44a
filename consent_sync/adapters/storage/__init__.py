"""Where accepted events, choices and decisions are kept durably."""
