using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Tests.Graph.Onnx;
using FsCheck.Xunit;
using Microsoft.ML.OnnxRuntime;

namespace EdgeAgent.Tests.Graph;

public class QuantizationTests
{
    private const int Samples = 200;

    public static TheoryData<string, ActivationFormat> Networks()
    {
        var data = new TheoryData<string, ActivationFormat>();
        foreach (var network in (string[])["residual", "depthwise", "concat", "sliced"])
            foreach (var format in Enum.GetValues<ActivationFormat>())
                data.Add(network, format);
        return data;
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Plan_OfQuantizedNetwork_EqualsTheSimulationToTheByte(string network, ActivationFormat format)
    {
        var qdq = Quantized(network, format);
        var inputs = Inputs(qdq);
        var expected = new Int8Simulation(qdq).Run(inputs).Values.Single().Floats;
        Assert.Equal(expected, RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single()));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void OnnxFile_OfQuantizedNetwork_GivesTheSimulationsClassInOnnxRuntime(string network, ActivationFormat format)
    {
        var qdq = Quantized(network, format);
        var inputs = Inputs(qdq);
        var simulated = new Int8Simulation(qdq).Run(inputs).Values.Single().Floats;
        var executed = OnnxRuntimeReference.Run(qdq, inputs).Values.Single().Floats;
        Assert.InRange(SameClass(simulated, executed), 0.995, 1);
    }

    [Property(MaxTest = 40)]
    public void Plan_OfAnyNetwork_EqualsTheSimulationToTheByte(int seed)
    {
        var graph = RandomNetwork.Of(seed);
        var qdq = Quantize(graph, (ActivationFormat)((uint)seed % 3));
        var inputs = TestGraph.Inputs(graph, 8, seed: 3);
        var expected = new Int8Simulation(qdq).Run(inputs).Values.Single().Floats;
        var actual = RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single());
        // Softmax is computed in float64 on both sides, each with its own exponential.
        if (qdq.Nodes.Any(n => n.Op is Softmax))
            AssertNear(expected, actual);
        else
            Assert.Equal(expected, actual);
    }

    /// <summary>A pad as wide as the kernel, which ONNX allows a convolution.</summary>
    [Fact]
    public void Plan_OfAKernelThatSeesPaddingOnly_EqualsTheSimulationToTheByte()
    {
        var test = new TestGraph(5);
        var framed = test.Node(new Conv(Window.Of(1, pad: 1), 1), test.Conv(test.Input(3, 6, 6), 3, 6), test.Weights(1, 4, 6, 1, 1), test.Weights(1, 4));
        var qdq = Quantize(test.Build(test.Dense(test.Node(new Flatten(1), framed), 256, 10)), ActivationFormat.UInt8);
        var inputs = Inputs(qdq);
        Assert.Equal(new Int8Simulation(qdq).Run(inputs).Values.Single().Floats, RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single()));
    }

    /// <summary>Between logits and Softmax lies a shape that the engine's tensors do not have.</summary>
    [Theory]
    [InlineData("one plane, flattened")]
    [InlineData("rows of classes")]
    [InlineData("planes in other planes")]
    public void Plan_OfASoftmaxBehindAReshape_EqualsTheSimulation(string head)
    {
        var test = new TestGraph(6);
        var x = test.Conv(test.Input(3, 8, 8), 3, 6);
        var logits = head switch
        {
            "one plane, flattened" => test.Node(new Flatten(1), test.Conv(x, 6, 1)),
            "rows of classes" => test.Node(new Reshape([0, 10, 5]), test.Dense(test.Node(new Flatten(1), x), 384, 50)),
            _ => test.Node(new Reshape([0, 4, 3, 16]), test.Conv(x, 6, 3)),
        };
        var qdq = Quantize(test.Build(test.Node(new Softmax(1), logits)), ActivationFormat.UInt8);
        var inputs = Inputs(qdq);
        AssertNear(new Int8Simulation(qdq).Run(inputs).Values.Single().Floats, RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single()));
    }

    [Theory]
    [InlineData("classes")]
    [InlineData("classes of pixels, cast to int32")]
    [InlineData("quantized values")]
    public void Plan_OfAnArgMax_EqualsTheSimulation(string head)
    {
        var test = new TestGraph(7);
        var x = test.Conv(test.Input(3, 8, 8), 3, 6);
        var index = head switch
        {
            "classes" => test.Node(new ArgMax(-1, KeepDims: false), test.Dense(test.Node(new Flatten(1), x), 384, 10)),
            "quantized values" => test.Node(new ArgMax(1, KeepDims: true), test.Node(new GlobalAveragePool(), x)),
            _ => test.Node(new Cast(ElementType.Int32), test.Node(new ArgMax(1, KeepDims: false), test.Conv(x, 6, 4))),
        };
        var graph = Simplification.ForQuantization(test.Build(index));
        var inputs = Inputs(graph);
        var result = PostTrainingQuantization.Run(graph, [inputs], ActivationFormat.UInt8)[0];
        Assert.InRange(result.SignalToNoise, 15, 80);
        var expected = new Int8Simulation(result.Qdq).Run(inputs).Values.Single().Floats;
        Assert.Equal(expected, RunPlan(PlanLowering.Lower(result.Qdq), inputs.Values.Single()));
        var exact = Casting.Run(new GraphInterpreter(graph).Run(inputs).Values.Single(), ElementType.Float32).Floats;
        Assert.InRange(expected.Zip(exact).Count(p => p.First == p.Second) / (double)exact.Length, 0.9, 1);
    }

    [Theory]
    [InlineData("residual", "QLinearConv:5,QLinearAdd:2,QLinearGlobalAveragePool:1,QGemm:1")]
    [InlineData("depthwise", "QLinearConv:4,QLinearGlobalAveragePool:1")]
    [InlineData("concat", "QLinearConv:5,QLinearConcat:1,QLinearAveragePool:1,QLinearMul:1,QLinearSigmoid:1,QLinearLeakyRelu:1,QGemm:1")]
    public void OnnxFile_OfQuantizedNetwork_RunsIntegerOperatorsInOnnxRuntime(string network, string integerOperators)
    {
        using var folder = new TemporaryFolder();
        using (var options = OnnxRuntimeReference.Options())
        {
            options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED;
            options.OptimizedModelFilePath = folder.File("optimized.onnx");
            using var session = new InferenceSession(OnnxExporter.ToBytes(Quantized(network, ActivationFormat.UInt8)), options);
        }
        // What ONNX Runtime saved is a model of another tool: it is read, and computes what it does there.
        var read = EdgeAgent.Graph.Import.ModelImporter.Load(folder.File("optimized.onnx"));
        var inputs = TestGraph.Inputs(read, 8, seed: 4);
        var expected = OnnxRuntimeReference.Run(File.ReadAllBytes(folder.File("optimized.onnx")), inputs).Values.Single().Floats;
        var actual = new GraphInterpreter(read).Run(inputs).Values.Single().Floats;
        var scale = expected.Max(MathF.Abs);
        Assert.InRange(expected.Zip(actual).Average(p => MathF.Abs(p.First - p.Second)) / scale, 0, 0.002f);
        var optimized = ModelProto.Parser.ParseFrom(File.ReadAllBytes(folder.File("optimized.onnx"))).Graph.Node.CountBy(n => n.OpType).ToDictionary();
        foreach (var entry in integerOperators.Split(','))
            Assert.True(
                optimized.GetValueOrDefault(entry.Split(':')[0]) == int.Parse(entry.Split(':')[1]),
                $"{entry} expected, the optimized model has {string.Join(", ", optimized)}");
    }

    /// <summary>Whatever is taken, by bytes of one weight of 1: a slice changes no value, and the plan has no quantization that its input has not.</summary>
    [Theory]
    [InlineData(new[] { 0 }, new[] { int.MaxValue }, new[] { 1 }, new[] { 2 })]
    [InlineData(new[] { -1 }, new[] { int.MinValue }, new[] { 1 }, new[] { -1 })]
    [InlineData(new[] { 3, 1 }, new[] { 9, 7 }, new[] { 2, 3 }, new[] { 1, 1 })]
    [InlineData(new[] { 0, 2 }, new[] { 7, 10 }, new[] { 2, 3 }, new[] { 3, 2 })]
    [InlineData(new[] { 8 }, new[] { 9 }, new[] { 2 }, new[] { 1 })]
    [InlineData(new[] { 0, 0 }, new[] { 5, 10 }, new[] { 2, 3 }, new[] { 1, 1 })]
    [InlineData(new[] { 4, 1, 9 }, new[] { 0, 9, 8 }, new[] { 1, 2, 3 }, new[] { -2, 4, -1 })]
    public void Plan_OfASlice_TakesTheBytes(int[] starts, int[] ends, int[] axes, int[] steps)
    {
        var test = new TestGraph(3);
        var graph = test.Build(test.Node(new Flatten(1), test.Node(new StridedSlice(starts, ends, axes, steps), test.Input(5, 9, 10))));
        var qdq = Quantize(graph, ActivationFormat.UInt8);
        var inputs = TestGraph.Inputs(graph, 3, seed: 2);
        var expected = new Int8Simulation(qdq).Run(inputs).Values.Single().Floats;
        Assert.Equal(expected, RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single()));
        // The input is quantized once, and nothing behind it rounds again.
        Assert.Equal(expected, new GraphInterpreter(qdq).Run(inputs).Values.Single().Floats);
        Assert.Single(qdq.Nodes.Where(n => n.Op is QuantizeLinear).Select(n => n.Inputs[1]).Distinct());
    }

    [Fact]
    public void Plan_OfATurnedImage_IsRefusedByName()
    {
        var test = new TestGraph(3);
        var turned = test.Node(new StridedSlice([-1], [int.MinValue], [3], [-1]), test.Input(3, 4, 4));
        var qdq = Quantize(test.Build(test.Dense(test.Node(new Flatten(1), turned), 48, 3)), ActivationFormat.UInt8);
        Assert.Contains("'Slice_0' (Slice): the int8 engine does not turn images around", Assert.Throws<InvalidGraphException>(() => PlanLowering.Lower(qdq)).Message);
    }

    /// <summary>In one exception, though the samples of a batch meet it at the same time.</summary>
    [Fact]
    public void Simulation_OfAnOperatorWithoutADefinition_NamesTheNode()
    {
        var test = new TestGraph(3);
        var resized = test.Node(new Resize([8, 8], [2, 2], ResizeCoordinates.Asymmetric, ResizeRounding.Floor), test.Input(3, 4, 4));
        var qdq = Quantize(test.Build(test.Dense(test.Node(new Flatten(1), resized), 192, 3)), ActivationFormat.UInt8);
        Assert.Equal("node 'Resize_0' (Resize): has no int8 definition", Assert.Throws<InvalidGraphException>(() => new Int8Simulation(qdq).Run(Inputs(qdq))).Message);
    }

    [Theory]
    [InlineData("residual")]
    [InlineData("depthwise")]
    [InlineData("concat")]
    public void QdqRewrite_OfNetwork_KeepsMostClasses(string network)
    {
        var graph = Network(network);
        var inputs = Inputs(graph);
        var reference = new GraphInterpreter(graph).Run(inputs).Values.Single().Floats;
        var quantized = new Int8Simulation(Quantized(network, ActivationFormat.UInt8)).Run(inputs).Values.Single().Floats;
        Assert.InRange(SameClass(reference, quantized), 0.9, 1);
    }

    /// <summary>1 + 24 steps of the operands are half a step of the sum, to the precision of a float32: which way it rounds is the engine's order of additions.</summary>
    [Fact]
    public void TieAvoidance_OfAFrequentTie_MakesOnnxRuntimeAgreeInEveryLogit()
    {
        var test = new TestGraph(3);
        var (a, b) = (test.Input(4, 8, 8), test.Input(4, 8, 8));
        var added = test.Node(new Relu(), test.Node(new Add(), a, b));
        var graph = Simplification.ForQuantization(test.Build(test.Dense(test.Node(new Flatten(1), added), 256, 10)));
        var random = new Random(5);
        var disagreements = 0;
        for (var i = 0; i < 24; i++)
        {
            float left = 0.02f + random.NextSingle() / 10, right = 0.02f + random.NextSingle() / 10;
            var sum = (float)((left + 24.0 * right) / 21.5);
            var activations = new Dictionary<string, ActivationQuantization> { [a] = new(left, 100), [b] = new(right, 90), [added] = new(sum, 0) };
            var given = new QuantizationParameters(ActivationFormat.UInt8, activations, new Dictionary<string, float[]>());
            var inputs = new Dictionary<string, Tensor> { [a] = Constant(left), [b] = Constant(24 * right) };

            var moved = TieAvoidance.Apply(graph, given);

            Assert.InRange(moved.Activations[added].Scale / sum, 1.0001, 1.01);
            Assert.Equal(activations, new Dictionary<string, ActivationQuantization>(moved.Activations) { [added] = activations[added] });
            disagreements += Agrees(given, inputs) ? 0 : 1;
            Assert.True(Agrees(moved, inputs));
        }
        Assert.InRange(disagreements, 1, 24);

        static Tensor Constant(float value) => Tensor.Of(Enumerable.Repeat(value, 256).ToArray(), 1, 4, 8, 8);
        bool Agrees(QuantizationParameters parameters, Dictionary<string, Tensor> inputs)
        {
            var qdq = QdqRewrite.Apply(graph, parameters);
            return new Int8Simulation(qdq).Run(inputs).Values.Single().Floats.SequenceEqual(OnnxRuntimeReference.Run(qdq, inputs).Values.Single().Floats);
        }
    }

    [Fact]
    public void TieAvoidance_WithoutTies_LeavesTheScales()
    {
        var test = new TestGraph(3);
        var (a, b) = (test.Input(2, 2, 2), test.Input(2, 2, 2));
        var added = test.Node(new Add(), a, b);
        var graph = Simplification.ForQuantization(test.Build(test.Dense(test.Node(new Flatten(1), added), 8, 3)));
        // Whole numbers of steps: no sum is near a half.
        var activations = new Dictionary<string, ActivationQuantization> { [a] = new(0.25f, 128), [b] = new(0.5f, 128), [added] = new(0.25f, 128) };
        var given = new QuantizationParameters(ActivationFormat.UInt8, activations, new Dictionary<string, float[]>());
        Assert.Equal(activations, TieAvoidance.Apply(graph, given).Activations);
    }

    [Fact]
    public void QdqRewrite_OfRelu_LeavesItToTheQuantization()
    {
        Assert.DoesNotContain(Quantized("residual", ActivationFormat.UInt8).Nodes, n => n.Op is Relu);
        Assert.Contains(Quantized("residual", ActivationFormat.Int8Symmetric).Nodes, n => n.Op is Relu);
    }

    [Fact]
    public void QdqRewrite_WithoutAParameter_NamesTheValue()
    {
        var graph = Simplification.ForQuantization(Network("residual"));
        var parameters = new QuantizationParameters(ActivationFormat.UInt8, new Dictionary<string, ActivationQuantization>(), new Dictionary<string, float[]>());
        Assert.Contains("'x0'", Assert.Throws<InvalidGraphException>(() => QdqRewrite.Apply(graph, parameters)).Message);
    }

    [Fact]
    public void QdqFile_ReadBack_SimulatesTheSame()
    {
        var qdq = Quantized("concat", ActivationFormat.Int8);
        using var folder = new TemporaryFolder();
        OnnxExporter.Write(qdq, folder.File("model.onnx"));
        var inputs = Inputs(qdq);
        Assert.Equal(
            new Int8Simulation(qdq).Run(inputs).Values.Single().Floats,
            new Int8Simulation(ModelImporter.Load(folder.File("model.onnx"))).Run(inputs).Values.Single().Floats);
    }

    /// <summary>A bias far above its weights must not overflow int32, whatever the scales are.</summary>
    [Fact]
    public void QdqRewrite_OfAHugeBias_KeepsItsValue()
    {
        var test = new TestGraph(1);
        var x = test.Input(2, 4, 4);
        var y = test.Node(new Conv(Window.Of(1), 1), x, test.Weights(1e-7f, 3, 2, 1, 1), test.Constant(Tensor.Of([500f, -3f, 0f], 3)));
        var graph = test.Build(test.Dense(test.Node(new Flatten(1), y), 48, 4));
        var qdq = Quantize(graph, ActivationFormat.UInt8);
        var inputs = Inputs(graph);
        var (expected, actual) = (new GraphInterpreter(graph).Run(inputs).Values.Single().Floats, new Int8Simulation(qdq).Run(inputs).Values.Single().Floats);
        Assert.All(expected.Zip(actual), p => Assert.InRange(MathF.Abs(p.First - p.Second), 0, 0.02f * expected.Max(MathF.Abs)));
        Assert.Equal(actual, RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single()));
    }

    [Fact]
    public void Plan_OfTheCifarModel_EqualsTheSimulationToTheByte()
    {
        var graph = Simplification.ForQuantization(ModelImporter.Load(Repository.Shared("models", "cifar10_resnet18.onnx")));
        var images = CifarModelTests.Images(graph, 4);
        var qdq = QdqRewrite.Apply(graph, new(ActivationFormat.UInt8, MinMaxCalibration.Run(graph, [images], ActivationFormat.UInt8), new Dictionary<string, float[]>()));
        var simulated = new Int8Simulation(qdq).Run(images)["logits"].Floats;
        Assert.Equal(simulated, RunPlan(PlanLowering.Lower(qdq), images.Values.Single()));
        Assert.Equal(1, SameClass(simulated, OnnxRuntimeReference.Run(qdq, images)["logits"].Floats));
    }

    internal static GraphSpec Network(string name) => name switch
    {
        "residual" => OperatorGraphs.ResidualNet(seed: 11),
        "depthwise" => OperatorGraphs.DepthwiseNet(seed: 12),
        "sliced" => OperatorGraphs.SlicedNet(seed: 14),
        _ => OperatorGraphs.ConcatNet(seed: 13),
    };

    internal static GraphSpec Quantized(string network, ActivationFormat format) => Quantize(Network(network), format);

    internal static GraphSpec Quantize(GraphSpec source, ActivationFormat format)
    {
        var graph = Simplification.ForQuantization(source);
        var activations = MinMaxCalibration.Run(graph, [TestGraph.Inputs(graph, 64, seed: 1)], format);
        return QdqRewrite.Apply(graph, new(format, activations, new Dictionary<string, float[]>()));
    }

    private static Dictionary<string, Tensor> Inputs(GraphSpec graph) => TestGraph.Inputs(graph, Samples, seed: 2);

    /// <summary>Probabilities: to the last bits, in which one exponential differs from another.</summary>
    internal static void AssertNear(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), p => Assert.InRange(p.Second, p.First - 1e-6f, p.First + 1e-6f));
    }

    internal static float[] RunPlan(byte[] plan, Tensor input)
    {
        using var model = PlanModel.Load(plan);
        using var executor = new PlanExecutor(model);
        var batch = input.Shape[0];
        var size = input.Count / batch;
        var outputs = new List<float>();
        var output = new float[executor.OutputShape.Count];
        for (var i = 0; i < batch; i++)
        {
            executor.Run(input.Floats.AsSpan(i * size, size), output);
            outputs.AddRange(output);
        }
        return [.. outputs];
    }

    internal static double SameClass(float[] a, float[] b)
    {
        var classes = 10;
        var rows = a.Length / classes;
        return Enumerable.Range(0, rows).Count(r => Top(a, r) == Top(b, r)) / (double)rows;

        int Top(float[] logits, int row) => Array.IndexOf(logits, logits.AsSpan(row * classes, classes).ToArray().Max(), row * classes) - row * classes;
    }
}
