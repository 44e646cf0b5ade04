using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Tests.Graph.TfLite;

/// <summary>What is written is read back and compared by the exporter itself; here are the graphs that it must be able to write.</summary>
public class ExportTests
{
    /// <summary>Operators of the IR without a counterpart in TensorFlow Lite, by what the refusal says.</summary>
    private static readonly string[] NotInTfLite =
        ["dilated", "Softmax over another axis", "two computed matrices", "in integers", "need one constant scale"];

    public static IEnumerable<TheoryDataRow<string>> Graphs => OperatorGraphs.All.Keys.Select(name => new TheoryDataRow<string>(name));

    [Theory]
    [MemberData(nameof(Graphs))]
    public void Exporter_FloatGraph_WritesAFileThatComputesTheSame(string name)
    {
        using var folder = new TemporaryFolder();
        var graph = OperatorGraphs.All[name]() with { Metadata = new Dictionary<string, string> { ["labels"] = "a,b" } };
        try
        {
            TfLiteExporter.Write(graph, folder.File("model.tflite"));
        }
        catch (InvalidGraphException refusal) when (!refusal.Message.Contains("read back"))
        {
            Assert.Contains(NotInTfLite, says => refusal.Message.Contains(says));
            return;
        }
        Assert.Equal("a,b", ModelImporter.Load(folder.File("model.tflite")).Metadata["labels"]);
    }

    [Theory]
    [InlineData("a residual network", true)]
    [InlineData("a depthwise network", true)]
    [InlineData("a network of branches", true)]
    [InlineData("a residual network", false)]
    [InlineData("a depthwise network", false)]
    public void Exporter_QuantizedGraph_WritesIntegersThatComputeTheSame(string name, bool wholly)
    {
        using var folder = new TemporaryFolder();
        var qdq = Quantized(OperatorGraphs.All[name](), wholly);
        TfLiteExporter.Write(qdq, folder.File("model.tflite"));
        var read = ModelImporter.Load(folder.File("model.tflite"));
        Assert.Contains(read.Constants.Values, c => c.Type == ElementType.Int8 && c.Shape.Length == 4);
        // A head that the graph leaves in float32 stays so.
        Assert.Equal(!wholly, read.Constants.Values.Any(c => c.Type == ElementType.Float32 && c.Shape.Length > 1));
        if (wholly)
            EdgeAgent.Int8.Plan.PlanModel.Load(EdgeAgent.Graph.Export.PlanLowering.Lower(read)).Dispose();
    }

    /// <summary>Operators without integer kernels are computed in real numbers between integers; everything around them stays in integers.</summary>
    [Fact]
    public void Exporter_QuantizedGraphWithOtherOperators_ComputesTheseInRealNumbers()
    {
        var test = new TestGraph(1);
        var x = test.Conv(test.Input(3, 16, 16), 3, 8, stride: 2);
        x = test.Node(new Mul(), x, test.Node(new HardSigmoid(1 / 6f, 0.5f), x));
        x = test.Node(new Max(), test.Conv(x, 8, 8), test.Conv(x, 8, 8, kernel: 1));
        var graph = test.Build(test.Dense(test.Node(new Flatten(1), test.Node(new GlobalAveragePool(), x)), 8, 10));
        using var folder = new TemporaryFolder();
        TfLiteExporter.Write(Quantized(graph, wholly: true), folder.File("model.tflite"));
        var operators = TfLiteModel.Read(File.ReadAllBytes(folder.File("model.tflite"))).Subgraphs[0].Value.Operators;
        Assert.Contains(operators, o => o.Op == "MAXIMUM" && o.Output(0).Type == TfLiteType.Float32);
        Assert.All(operators.Where(o => o.Op == "CONV_2D"), o => Assert.Equal(TfLiteType.Int8, o.Input(0).Type));
    }

    [Theory]
    [InlineData("ic_resnet8_int8")]
    [InlineData("kws_int8")]
    [InlineData("vww_96_int8")]
    [InlineData("ic_resnet8_float")]
    [InlineData("ad01_float")]
    [InlineData("kws_float")]
    public void Exporter_OfAnImportedFile_WritesOneThatReadsBack(string name)
    {
        var graph = ModelImporter.Load(Repository.Shared("models", name + ".tflite"));
        using var folder = new TemporaryFolder();
        TfLiteExporter.Write(graph, folder.File("copy.tflite"));
        var copy = ModelImporter.Load(folder.File("copy.tflite"));
        Assert.Equal(graph.Inputs[0].Shape, copy.Inputs[0].Shape);
        Assert.Equal(graph.Inputs[0].Type, copy.Inputs[0].Type);
    }

    /// <summary>Forward LSTMs are the format's own layer; other directions of one too, between slices that turn them.</summary>
    [Theory]
    [InlineData("LSTM", 1)]
    [InlineData("LSTM with peepholes", 1)]
    [InlineData("LSTM, both directions", 1)]
    [InlineData("LSTM of sequences of different lengths", 0)]
    [InlineData("GRU", 0)]
    public void Exporter_RecurrentLayer_WritesTheLayerWhereTheFormatHasIt(string name, int layers)
    {
        using var folder = new TemporaryFolder();
        TfLiteExporter.Write(OperatorGraphs.All[name](), folder.File("model.tflite"));
        Assert.Equal(layers, ModelImporter.Load(folder.File("model.tflite")).Nodes.Count(n => n.Op is RecurrentOperator));
    }

    /// <summary>As the format has it where the graph computes just that; any other use of erf is composed of what all runtimes have.</summary>
    [Theory]
    [InlineData(0.5f, "GELU", "EXP")]
    [InlineData(0.4f, "EXP", "GELU")]
    public void Exporter_ProductWithErf_IsGeluOrComposed(float factor, string has, string lacks)
    {
        var test = new TestGraph(1);
        var x = test.Dense(test.Input(6), 6, 5);
        var raised = test.Node(new Add(), test.Node(new Erf(), test.Node(new Mul(), x, test.Constant(Tensor.Of([0.70710677f])))), test.Constant(Tensor.Of([1f])));
        var graph = test.Build(test.Node(new Mul(), test.Node(new Mul(), x, raised), test.Constant(Tensor.Of([factor]))));
        using var folder = new TemporaryFolder();
        TfLiteExporter.Write(graph, folder.File("model.tflite"));
        var operators = TfLiteModel.Read(File.ReadAllBytes(folder.File("model.tflite"))).Subgraphs[0].Value.Operators.Select(o => o.Op).ToList();
        Assert.Contains(has, operators);
        Assert.DoesNotContain(lacks, operators);
    }

    /// <summary>Every step reads the same weights; the file holds them once.</summary>
    [Fact]
    public void Exporter_UnrolledLayer_StoresItsWeightsOnce()
    {
        var test = new TestGraph(1);
        var states = test.Node(new Gru(64, RecurrentDirection.Forward, ["Sigmoid", "Tanh"], true), test.Node(new Transpose([1, 0, 2]), test.Input(50, 8)), test.Weights(0.3f, 1, 192, 8), test.Weights(0.3f, 1, 192, 64));
        var file = TfLiteExporter.ToBytes(test.Build(states));
        Assert.InRange(file.Length, 4 * 192 * (8 + 64), 6 * 4 * 192 * (8 + 64));
    }

    internal static GraphSpec Quantized(GraphSpec graph, bool wholly)
    {
        var ready = Simplification.ForQuantization(graph);
        var samples = Enumerable.Range(0, 4).Select(i => (IReadOnlyDictionary<string, Tensor>)TestGraph.Inputs(ready, 4, seed: i)).ToList();
        var activations = MinMaxCalibration.Run(ready, samples, ActivationFormat.Int8);
        var qdq = QdqRewrite.Apply(ready, new(ActivationFormat.Int8, activations, new Dictionary<string, float[]>()));
        return wholly ? HeadQuantization.Apply(qdq, samples) : qdq;
    }
}
