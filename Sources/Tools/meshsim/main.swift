import ArgumentParser
import MeshSimulator

// An experiment's name stands for measuring it.
let words = Array(CommandLine.arguments.dropFirst())
let isExperiment = words.first.map { Experiment(rawValue: $0) != nil } ?? false
Meshsim.main(isExperiment ? ["measure"] + words : words)
