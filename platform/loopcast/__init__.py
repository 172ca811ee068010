"""Loopcast: the open data platform on Dagster in which the forecasting lifecycle runs by itself."""
