"""Area, energy and latency of a network on analog hardware, from the same run as its accuracy.

Counts of what happens come from the simulation, costs from a library of components; their product is one small
function. Nothing is counted within the components.
"""
