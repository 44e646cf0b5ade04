using EdgeAgent.Benchmarks.Costs;
using EdgeAgent.Benchmarks.Data;
using EdgeAgent.Benchmarks.Int8;
using EdgeAgent.Benchmarks.Native;
using EdgeAgent.Benchmarks.Training;

// One word chooses the benchmark; what each measures is in its own file and its figures in the README of that part.
return args switch
{
    ["cost-model", var profile, var threads] => CostModelBenchmark.Run(profile, int.Parse(threads)),
    ["int8", var threads, .. var models] => EngineBenchmark.Compare(int.Parse(threads), models),
    ["int8-threads", var threads, .. var models] => EngineBenchmark.CompareThreads(int.Parse(threads), models),
    ["int8-per-op", .. var models] => EngineBenchmark.Profile(models),
    ["data", var count, "folder" or "zip" or "tar" or "tar.gz", var image] => StreamingBenchmark.Run(int.Parse(count), args[2], image),
    ["joint-step", var model, var batch, var runs] => JointStepBenchmark.Run(model, int.Parse(batch), int.Parse(runs)),
    ["norms", var batch, var runs] => NormBenchmark.Run(int.Parse(batch), int.Parse(runs)),
    ["int8-layers"] => EngineBenchmark.Layers(),
    ["int8-footprint"] => EngineFootprint.Run(),
    ["arm-kernels", var profiles] => ArmKernelCosts.Run(profiles),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        usage: dotnet run -c Release --project tests/EdgeAgent.Benchmarks -- BENCHMARK
          cost-model PROFILE.json THREADS   error of the fitted cost model on students that were not in the fit
          int8 THREADS [MODEL.onnx [MODEL.plan] ...]
                                            EdgeAgent.Int8 against ONNX Runtime int8 and float32, interleaved
          data COUNT KIND IMAGE.jpg         memory and speed of a data set of COUNT copies; KIND: folder, zip, tar, tar.gz
          int8-threads THREADS [MODEL.onnx [MODEL.plan] ...]
                                            EdgeAgent.Int8 with several threads against one
          int8-per-op [MODEL.onnx ...]      time of every operator in EdgeAgent.Int8
          int8-layers                       single layers on every kernel set, against the peak of its instructions
          joint-step MODEL BATCH RUNS       a training step of the teacher alone, with students, and of bare convolutions
          norms BATCH RUNS                  a batch-norm in training as one operation and as libtorch's, beside its convolution
          int8-footprint                    what the engine adds to a native program, and a plan's file to the first result
          arm-kernels firmware-profiles     instructions per MAC of the Arm kernels, and what they bound on each board
        """);
    return 2;
}
