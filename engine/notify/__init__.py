"""Persons are told: channels by apprise, messages, links that answer, the page behind them."""
