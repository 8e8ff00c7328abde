"""Whether what stands on AWS is as it should be. Changes nothing; ``doctor`` has all of it."""
