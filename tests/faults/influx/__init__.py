"""InfluxDB under faults: a simulated city through the embedded engine, counted back from each store.

city        ten minutes of eight sites through an engine, on a clock that the test moves
stored      what log and outbox hold, what a store holds, and where they differ
campaign    the city while the server dies, is away, or holds what its lines contradict
mutants     deliveries that are broken on purpose, which the comparison must catch
"""
