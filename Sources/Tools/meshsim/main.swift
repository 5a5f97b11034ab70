import ArgumentParser

Meshsim.main()
