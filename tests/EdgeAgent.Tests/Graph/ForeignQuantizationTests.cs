using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Tests.Graph.Onnx;
using static EdgeAgent.Tests.Graph.QuantizationTests;

namespace EdgeAgent.Tests.Graph;

/// <summary>QDQ graphs in the forms that other tools write and <see cref="QdqRewrite"/> does not.</summary>
public class ForeignQuantizationTests
{
    private const int Samples = 100;

    /// <summary>As ONNX Runtime's quantizer writes classifiers: probabilities that are rounded once more.</summary>
    [Fact]
    public void Plan_OfARoundedSoftmax_GivesWhatItRounds()
    {
        var test = new TestGraph(8);
        var graph = Quantize(test.Build(test.Node(new Softmax(1), test.Dense(test.Node(new Flatten(1), test.Conv(test.Input(3, 4, 4), 3, 4)), 64, 10))), ActivationFormat.UInt8);
        var inputs = TestGraph.Inputs(graph, Samples);

        AssertNear(new Int8Simulation(graph).Run(inputs).Values.Single().Floats, RunPlan(PlanLowering.Lower(WithRoundedOutput(graph)), inputs.Values.Single()));
    }

    /// <summary>As other tools quantize MatMul and Gemm: weights [inputs, outputs], scales along the second axis.</summary>
    [Fact]
    public void Plan_OfDenseWeightsByInputs_IsThatOfTheOwnForm()
    {
        var test = new TestGraph(9);
        var hidden = test.Node(new Relu(), test.Dense(test.Node(new Flatten(1), test.Conv(test.Input(3, 4, 4), 3, 4)), 64, 16));
        var own = Quantize(test.Build(test.Node(new MatMul(), hidden, test.Weights(0.5f, 16, 10))), ActivationFormat.UInt8);
        var other = WithWeightsByInputs(own);
        Assert.Equal(["Gemm", "MatMul"], other.Nodes.Where(n => n.Op is Gemm or MatMul).Select(n => n.Op.Type));
        var inputs = TestGraph.Inputs(own, Samples);

        Assert.Equal(PlanLowering.Lower(own), PlanLowering.Lower(other));
        Assert.Equal(new Int8Simulation(own).Run(inputs).Values.Single().Floats, new Int8Simulation(other).Run(inputs).Values.Single().Floats);
        Assert.InRange(SameClass(new GraphInterpreter(own).Run(inputs).Values.Single().Floats, OnnxRuntimeReference.Run(other, inputs).Values.Single().Floats), 0.995, 1);
    }

    [Fact]
    public void Plan_OfScalesAlongTheInputs_IsRefusedByName()
    {
        var test = new TestGraph(9);
        var other = WithWeightsByInputs(Quantize(test.Build(test.Dense(test.Input(10), 10, 10)), ActivationFormat.UInt8));
        var weights = other.Nodes.Single(n => n.Op is Gemm).Inputs[1];
        other = other with { Nodes = [.. other.Nodes.Select(n => n.Output == weights ? n with { Op = new DequantizeLinear(0) } : n)] };

        Assert.Contains("scales along another axis than the output channels", Assert.Throws<InvalidGraphException>(() => PlanLowering.Lower(other)).Message);
    }

    /// <summary>Constants of every shape that broadcasts, on either side, u8 and s8: by channel, by pixel, one number.</summary>
    [Fact]
    public void Plan_OfConstantOperands_EqualsTheSimulationToTheByte()
    {
        var test = new TestGraph(10);
        var x = Rounded(test, test.Input(6, 4, 4), 0.02f, 120);
        x = Rounded(test, test.Node(new Add(), x, Bytes(test, 0.01f, 6, 1, 1)), 0.02f, 128);
        x = Rounded(test, test.Node(new Mul(), SignedBytes(test, 0.02f, 1, 6, 4, 4), x), 0.03f, 100);
        x = Rounded(test, test.Node(new Relu(), test.Node(new Sub(), Bytes(test, 0.02f), x)), 0.03f, 0);
        x = Rounded(test, test.Node(new Sub(), x, SignedBytes(test, 0.02f, 1, 6, 1, 1)), 0.03f, 90);
        var qdq = test.Build(Rounded(test, test.Node(new Add(), Bytes(test, 0.005f, 4), x), 0.04f, 100));
        var inputs = TestGraph.Inputs(qdq, 20);
        var simulated = new Int8Simulation(qdq).Run(inputs).Values.Single().Floats;

        Assert.Equal(simulated, RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single()));
        Assert.InRange(simulated.Zip(OnnxRuntimeReference.Run(qdq, inputs).Values.Single().Floats).Average(p => MathF.Abs(p.First - p.Second)), 0, 0.001f);
    }

    [Fact]
    public void TfLiteFile_OfAConstantOperand_IsWrittenAndReadBack()
    {
        var test = new TestGraph(10);
        var x = Rounded(test, test.Input(6, 4, 4), 0.02f, 120);
        var qdq = test.Build(Rounded(test, test.Node(new Add(), x, Bytes(test, 0.01f, 1, 6, 1, 1)), 0.02f, 128));
        using var folder = new TemporaryFolder();
        TfLiteExporter.Write(qdq, folder.File("model.tflite"));
        Assert.Contains(ModelImporter.Load(folder.File("model.tflite")).Nodes, n => n.Op is Add);
    }

    /// <summary>Weights of -128, which PyTorch's quantizer makes, and a scale of next to nothing, which a channel that is always zero gets.</summary>
    [Fact]
    public void Plan_OfFullRangeWeightsAndATinyScale_EqualsTheSimulationToTheByte()
    {
        var test = new TestGraph(11);
        var x = test.Node(new Relu(), test.Conv(test.Input(3, 6, 6), 3, 8));
        var qdq = Quantize(test.Build(test.Dense(test.Node(new Flatten(1), x), 288, 10)), ActivationFormat.UInt8);
        var layer = qdq.Nodes.Single(n => n.Op is Conv);
        var (weights, bias) = (qdq.Nodes.Single(n => n.Output == layer.Inputs[1]), qdq.Nodes.Single(n => n.Output == layer.Inputs[2]));
        var values = qdq.Constants[weights.Inputs[0]];
        var constants = new Dictionary<string, Tensor>(qdq.Constants)
        {
            [weights.Inputs[0]] = Tensor.Of(Array.ConvertAll((sbyte[])values.Data, v => v < -100 ? sbyte.MinValue : v), values.Shape),
        };
        foreach (var scales in (string[])[weights.Inputs[1], bias.Inputs[1]])
            constants[scales] = Tensor.Of([qdq.Constants[scales].Floats[0] * 1e-20f, .. qdq.Constants[scales].Floats[1..]], 8);
        qdq = qdq with { Constants = constants };
        var inputs = TestGraph.Inputs(qdq, Samples);

        Assert.Contains(sbyte.MinValue, (sbyte[])constants[weights.Inputs[0]].Data);
        Assert.Equal(new Int8Simulation(qdq).Run(inputs).Values.Single().Floats, RunPlan(PlanLowering.Lower(qdq), inputs.Values.Single()));
    }

    /// <summary>As toolkits that train for TensorRT export: weights in float32 in front of a QuantizeLinear, biases in float32, or in a scale of their own.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Plan_OfWeightsAndBiasesInRealNumbers_IsThatOfTheOwnForm(bool biasOfOwnScale)
    {
        var test = new TestGraph(12);
        var x = test.Node(new Relu(), test.Conv(test.Input(3, 6, 6), 3, 8));
        var own = Quantize(test.Build(test.Dense(test.Node(new Flatten(1), x), 288, 10)), ActivationFormat.Int8);
        var other = InRealNumbers(own, biasOfOwnScale);
        var inputs = TestGraph.Inputs(own, Samples);

        Assert.Equal(2, other.Nodes.Count(n => n.Op is QuantizeLinear && other.Constants.TryGetValue(n.Inputs[0], out var weights) && weights.Type == ElementType.Float32));
        if (!biasOfOwnScale)
            Assert.Equal(PlanLowering.Lower(own), PlanLowering.Lower(other));
        Assert.Equal(new Int8Simulation(other).Run(inputs).Values.Single().Floats, RunPlan(PlanLowering.Lower(other), inputs.Values.Single()));
        // A bias of another scale than that of the sums is judged by the operators' definitions.
        var real = (biasOfOwnScale ? new GraphInterpreter(other).Run(inputs) : OnnxRuntimeReference.Run(other, inputs)).Values.Single().Floats;
        Assert.InRange(SameClass(new Int8Simulation(other).Run(inputs).Values.Single().Floats, real), 0.99, 1);
    }

    /// <summary>A channel whose weights are all zero is its bias, however small the scale of the weights.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Plan_OfAChannelThatIsItsBiasAlone_HasIt(bool allZero)
    {
        var test = new TestGraph(13);
        var qdq = InRealNumbers(Quantize(test.Build(test.Conv(test.Input(3, 6, 6), 3, 8)), ActivationFormat.Int8), biasOfOwnScale: false);
        var layer = qdq.Nodes.Single(n => n.Op is Conv);
        var quantize = qdq.Nodes.Single(n => n.Op is QuantizeLinear && qdq.Constants.ContainsKey(n.Inputs[0]));
        var (weights, scales) = (qdq.Constants[quantize.Inputs[0]], qdq.Constants[quantize.Inputs[1]].Floats);
        var tiny = scales[0] * 1e-8f;
        qdq = qdq with
        {
            Constants = new Dictionary<string, Tensor>(qdq.Constants)
            {
                [quantize.Inputs[0]] = Tensor.Of([.. weights.Floats.Select((w, i) => i >= 27 ? w : allZero ? 0 : w * 1e-8f)], weights.Shape),
                [quantize.Inputs[1]] = Tensor.Of([tiny, .. scales[1..]], 8),
                [layer.Inputs[2]] = Tensor.Of([1.5f, .. qdq.Constants[layer.Inputs[2]].Floats[1..]], 8),
            },
        };
        if (!allZero)
        {
            Assert.Contains("the bias 1.5 of channel 0 is out of the range of sums", Assert.Throws<InvalidGraphException>(() => PlanLowering.Lower(qdq)).Message);
            return;
        }
        var inputs = TestGraph.Inputs(qdq, 2);
        var real = new GraphInterpreter(qdq).Run(inputs).Values.Single();
        Assert.All(new Int8Simulation(qdq).Run(inputs).Values.Single().Floats.Zip(real.Floats), p => Assert.Equal(p.Second, p.First, 0.05f));
        Assert.All(real.Floats.Take(36), v => Assert.Equal(1.5f, v, 0.05f));
    }

    private static GraphSpec InRealNumbers(GraphSpec graph, bool biasOfOwnScale)
    {
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var nodes = new List<Node>();
        var (weights, biases) = (graph.Nodes.Where(n => n.Op is Conv or Gemm).Select(n => n.Inputs[1]).ToHashSet(), graph.Nodes.Where(n => n.Op is Conv or Gemm).Select(n => n.Inputs[2]).ToHashSet());
        foreach (var node in graph.Nodes)
        {
            if (!weights.Contains(node.Output) && !biases.Contains(node.Output))
            {
                nodes.Add(node);
                continue;
            }
            var (stored, scales) = (graph.Constants[node.Inputs[0]], graph.Constants[node.Inputs[1]].Floats);
            var size = stored.Count / scales.Length;
            var real = Tensor.Of([.. Quantizing.Integers(stored).Select((q, i) => q * scales[i / size])], stored.Shape);
            if (weights.Contains(node.Output))
            {
                constants[node.Output + "_real"] = real;
                nodes.Add(new(node.Output + "_quantize", new QuantizeLinear(0), [node.Output + "_real", node.Inputs[1], node.Inputs[2]], [node.Output + "_integers"]));
                nodes.Add(node with { Inputs = [node.Output + "_integers", .. node.Inputs.Skip(1)] });
            }
            else if (biasOfOwnScale)
            {
                constants[node.Output + "_integers"] = Tensor.Of(Array.ConvertAll(real.Floats, b => (int)MathF.Round(b / 1e-5f)), real.Shape);
                (constants[node.Output + "_scale"], constants[node.Output + "_zero"]) = (Tensor.Of([1e-5f]), Tensor.Of([0]));
                nodes.Add(node with { Inputs = [node.Output + "_integers", node.Output + "_scale", node.Output + "_zero"] });
            }
            else
                constants[node.Output] = real;
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused().Verify();
    }

    private static GraphSpec WithWeightsByInputs(GraphSpec graph)
    {
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var weights = graph.Nodes.Where(n => n.Op is Gemm).Select(n => n.Inputs[1]).ToHashSet();
        var nodes = new List<Node>();
        foreach (var node in graph.Nodes)
        {
            if (weights.Contains(node.Output))
            {
                var values = constants[node.Inputs[0]];
                var moved = new sbyte[values.Count];
                Layout.Transpose<sbyte>([1, 0], (sbyte[])values.Data, values.Shape, moved);
                constants[node.Inputs[0]] = Tensor.Of(moved, values.Shape[1], values.Shape[0]);
                nodes.Add(node with { Op = new DequantizeLinear(1) });
            }
            else if (node.Op is Gemm)
                nodes.Add(node with { Op = node.Inputs.Count > 2 ? new Gemm(1, 1, false, false) : new MatMul() });
            else
                nodes.Add(node);
        }
        return graph with { Nodes = nodes, Constants = constants };
    }

    private static string Rounded(TestGraph test, string value, float step, byte zero)
    {
        var (scale, zeroPoint) = (test.Constant(Tensor.Of([step])), test.Constant(Tensor.Of([zero])));
        return test.Node(new DequantizeLinear(1), test.Node(new QuantizeLinear(1), value, scale, zeroPoint), scale, zeroPoint);
    }

    private static string Bytes(TestGraph test, float step, params int[] shape)
    {
        var values = Array.ConvertAll(test.Random(1, shape).Floats, v => (byte)(127.5f * (v + 1)));
        return test.Node(new DequantizeLinear(1), test.Constant(Tensor.Of(values, shape)), test.Constant(Tensor.Of([step])), test.Constant(Tensor.Of([(byte)77])));
    }

    private static string SignedBytes(TestGraph test, float step, params int[] shape)
    {
        var values = Array.ConvertAll(test.Random(127, shape).Floats, v => (sbyte)v);
        return test.Node(new DequantizeLinear(1), test.Constant(Tensor.Of(values, shape)), test.Constant(Tensor.Of([step])), test.Constant(Tensor.Of([(sbyte)-3])));
    }

    private static GraphSpec WithRoundedOutput(GraphSpec graph)
    {
        var output = graph.Outputs[0].Name;
        return graph with
        {
            Nodes =
            [
                .. graph.Nodes.Select(n => n.Output == output ? n with { Outputs = ["exact"] } : n),
                new("quantize", new QuantizeLinear(1), ["exact", "step", "zero"], ["rounded"]),
                new("dequantize", new DequantizeLinear(1), ["rounded", "step", "zero"], [output]),
            ],
            Constants = new Dictionary<string, Tensor>(graph.Constants) { ["step"] = Tensor.Of([1 / 256f]), ["zero"] = Tensor.Of([(byte)0]) },
        };
    }
}
