using System.Diagnostics;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Benchmarks.Training;

/// <summary>
/// What training a family costs: a step of the teacher alone, a step of teacher and narrow students together, and the bare
/// convolutions of both, forward and backward, in turns in one run.
/// </summary>
internal static class JointStepBenchmark
{
    private static readonly double[] Widths = [1.0 / 4, 1.0 / 8, 1.0 / 16];

    /// <param name="path">The teacher.</param>
    /// <param name="batch">Images of a step.</param>
    /// <param name="runs">Measurements of each; medians are told.</param>
    public static int Run(string path, int batch, int runs)
    {
        TorchRuntime.Prepare();
        var source = ClassifierHead.ToLogits(Simplification.Apply(PlanarInputs.Apply(ModelImporter.Load(path))));
        var shape = source.Inputs[0].Shape;
        var classes = ShapeInference.Infer(source, 1)[source.Outputs[0].Name].Shape[1];
        using var input = randint(0, 256, [batch, shape[1], shape[2], shape[3]], dtype: float32);
        using var labels = randint(0, classes, [batch], dtype: int64);
        var graph = BatchNormInsertion.Apply(source, [input.narrow(0, 0, Math.Min(batch, 32))]);
        var groups = ChannelDependencies.Find(graph);
        graph = WeightScaling.Apply(ChannelOrdering.Apply(graph, groups, ChannelImportance.GroupL2(graph, groups)));
        StudentShape full = new("teacher", 1, [.. groups.Select(g => g.Size)]);
        StudentShape[] students = [.. Widths.Select(w => new StudentShape($"w{w}", w, [.. groups.Select(g => g.Frozen ? g.Size : Math.Max(1, (int)Math.Round(g.Size * w)))]))];

        using var alone = new Training(graph, groups, [full]);
        using var together = new Training(graph, groups, [full, .. students]);
        var images = new StepInput(input, null, labels, 0);
        double[] stepAlone = new double[runs], stepTogether = new double[runs], bareAlone = new double[runs], bareStudents = new double[runs];
        // The first of each compiles kernels and fills the heap.
        for (var i = -1; i < runs; i++)
        {
            var times = new[] { Time(() => alone.Step(images)), Time(() => together.Step(images)), Time(() => Convolutions(alone.Graphs, batch)), Time(() => Convolutions(together.Graphs.Skip(1), batch)) };
            if (i >= 0)
                (stepAlone[i], stepTogether[i], bareAlone[i], bareStudents[i]) = (times[0], times[1], times[2], times[3]);
        }
        double teacherMacs = Macs(alone.Graphs), jointMacs = Macs(together.Graphs);
        var (a, t, c, s) = (Median(stepAlone), Median(stepTogether), Median(bareAlone), Median(bareStudents));
        Console.WriteLine($"{Path.GetFileName(path)}, batch {batch}, {torch.get_num_threads()} threads, {(TorchRuntime.HasBfloat16 ? "bfloat16" : "float32")}, medians of {runs} in turns; useful work is 6 FLOP per MAC and image");
        Console.WriteLine($"teacher alone     {a * 1000,7:0} ms  {6 * teacherMacs * batch / a / 1e9,5:0} GFLOP/s; its bare convolutions {c * 1000:0} ms, {c / a * 100:0} % of the step's speed");
        Console.WriteLine($"with {students.Length} students   {t * 1000,7:0} ms  {6 * jointMacs * batch / t / 1e9,5:0} GFLOP/s; bare convolutions {(c + s) * 1000:0} ms, {(c + s) / t * 100:0} %");
        Console.WriteLine($"overhead {(t / a - 1) * 100:0.0} %; the students have {(jointMacs / teacherMacs - 1) * 100:0.0} % of the teacher's MACs and {Elementwise(together.Graphs.Skip(1)) / Elementwise(alone.Graphs) * 100:0.0} % of its elementwise work");
        return 0;
    }

    /// <summary>Students that share weights, and their optimizer.</summary>
    private sealed class Training : IDisposable
    {
        private readonly StudentWeights _weights;
        private readonly Trainee _trainee;
        private readonly Sgd _optimizer;

        public Training(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, IReadOnlyList<StudentShape> shapes)
        {
            _weights = new StudentWeights(graph, groups, shapes);
            _trainee = JointStudents.Of(_weights, new DistillationLoss(), TorchRuntime.HasBfloat16, teacher: 0);
            _optimizer = new Sgd(_trainee.Trained, 0.9, 5e-4);
        }

        public IReadOnlyList<GraphSpec> Graphs => _weights.Graphs;

        public void Step(StepInput input)
        {
            _trainee.Step(input);
            _optimizer.Step(1e-4, 5);
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _weights.Dispose();
        }
    }

    /// <summary>Every convolution of the graphs alone, forward and backward, as the training runs them: channels last.</summary>
    private static void Convolutions(IEnumerable<GraphSpec> graphs, int batch)
    {
        var type = TorchRuntime.HasBfloat16 ? bfloat16 : float32;
        foreach (var graph in graphs)
        {
            var values = ShapeInference.Infer(graph, batch);
            foreach (var node in graph.Nodes)
            {
                if (node.Op is not Conv { Window: { Kernel.Length: 2 } window } conv)
                    continue;
                using var scope = NewDisposeScope();
                var (x, w) = (Random(values[node.Inputs[0]].Shape, type), Random(values[node.Inputs[1]].Shape, type));
                // Nothing needs the gradient of the images.
                x.requires_grad = node.Inputs[0] != graph.Inputs[0].Name;
                w.requires_grad = true;
                var y = nn.functional.conv2d(x, w, null, Longs(window.Strides), Longs(window.Pads[..2]), Longs(window.Dilations), conv.Groups);
                y.backward([y.detach()]);
            }
        }
    }

    private static Tensor Random(int[] shape, ScalarType type)
    {
        var tensor = empty(Longs(shape), type);
        return shape.Length == 4 ? tensor.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).zero_() : tensor.zero_();
    }

    private static double Macs(IEnumerable<GraphSpec> graphs) => graphs.Sum(g => (double)GraphStatistics.Of(g).Macs);

    private static double Elementwise(IEnumerable<GraphSpec> graphs) => graphs.Sum(g => (double)GraphStatistics.ElementwiseOf(g));

    private static double Time(Action work)
    {
        var start = Stopwatch.GetTimestamp();
        using var scope = NewDisposeScope();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    internal static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private static long[] Longs(int[] values) => Array.ConvertAll(values, v => (long)v);
}
