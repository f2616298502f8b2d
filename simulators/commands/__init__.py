"""Commands that come with the simulators, by the entry point group `lifeline.commands`.

    simulate                 one site by real MQTT, with a ledger
    demo                     the whole path on this machine, with a reckoning at the end
    stage  publishers        what the demo starts: broker, engine, listener; a process for each site
    reckoning                what was sent, logged, judged, alerted, lost

They import no more than typer until they are called.
"""
