"""Plants that do not exist, described well enough to be judged: physics, instruments, labels, load.

    incidents, faults                    what goes wrong, as labels with times and expected levels
    cause                                what can happen at a site: kinds, places, sizes
    manhole, recurrence                  gas in a ventilated box, x = a x + b
    liquid, liquid_line                  a liquid line and its steady state; its waves
    district, trunk, dam                 the three worlds, true to the last decimal
    pond, phreatic, consolidation, creep  a dam's water and slope; `course` reads slow models
    tank, runaway, plume, farm           tanks, what heats itself, what the wind carries; their world
    rhythm, sensor                       the day, and what an instrument makes of the truth
    plant, script, stream, breaker       sites and runs; stories told; samples, broken as labelled
    city_gas, pipeline, tailings, sites  the three sites, and their registry
    lattice, storms, climate, weather    the weather that drives them; signals: what of it is a danger
    gas_main, gas_states, gas_plan, gas_town   a town's gas, solved by pandapipes
    epanet, water_network, water_demand, water_district   a district's water, solved by EPANET
    heat_network, warmth                 heat under way in pipes; what follows the air with a lag
    bridge_spans, bridge_world, traffic  a bridge's girders and cables, and who drives over them
    compartment, corridor_air            air of a corridor; metro_ground, subsidence: a tunnel's ground
    ground_motion, fire_weather          records of an earthquake; how dry the forest is
    oil_line, oil_world                  an oil line in operation: its acts, its machines
    bridge, corridor, forest_station, gas_network, heating, metro, oil_pipeline, quake_stations,
    tailings_dam, tank_farm, water_supply, weather_station   sites at their own pace, under packs;
                                         `*_causes`, `*_happenings`: what can happen there
    scenario_models, scenarios, trials   scenarios as YAML, and as back-tests take them
    ahead, batch                         worlds computed ahead of the grid; rows of a stream
    shapes, gateway, publish             payloads, connections, real MQTT at any speed
    frames, judging                      the same samples straight into a core
    recording, labels                    the same samples as files, and what happened
    ledger, audit                        what was sent, and what arrived of it
    policies, configs                    the rules and the configuration that read them

Everything but `gateway` and `publish` is pure: no clock, no socket, the same result for the same seed.
"""
