"""Provider packages over real servers: their operators, sensors, triggers and hooks run, by ``dags test``."""
