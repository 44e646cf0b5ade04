using System.Diagnostics;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Tests.Graph.TfLite;

/// <summary>Files that the exporter wrote, in a runtime that shares no code with it: Arm NN's reference backend, through Debian's Python binding.</summary>
public class ArmNnTests
{
    private const string Backends = "/usr/lib/x86_64-linux-gnu/armnn22";

    /// <summary>Debian's interpreter, for which the binding is built; another Python in the path may not have it.</summary>
    private const string Python = "/usr/bin/python3";

    [Theory]
    [InlineData("a residual network")]
    [InlineData("a depthwise network")]
    [InlineData("a network of branches")]
    [InlineData("Conv without bias, stride 2")]
    [InlineData("Conv depthwise, multiplier and stride 2")]
    [InlineData("AveragePool with padding counted")]
    [InlineData("Softmax over channels")]
    [InlineData("Erf")]
    [InlineData("Elu")]
    [InlineData("Selu")]
    [InlineData("Expand")]
    public void FloatFile_InArmNn_ComputesWhatTheGraphDoes(string name)
    {
        var graph = OperatorGraphs.All[name]();
        AssertAgrees(graph, TfLiteExporter.ToBytes(graph), 1e-4f);
    }

    /// <summary>Step by step also what the format has a layer for: Debian's Arm NN (20.08) reads neither UNIDIRECTIONAL_SEQUENCE_LSTM nor GELU.</summary>
    [Theory]
    [InlineData("LSTM")]
    [InlineData("LSTM, both directions")]
    [InlineData("LSTM with peepholes")]
    [InlineData("LSTM from given states")]
    [InlineData("GRU")]
    [InlineData("GRU, reset behind the product")]
    [InlineData("RNN")]
    public void UnrolledLayer_InArmNn_ComputesWhatTheGraphDoes(string name)
    {
        var graph = OperatorGraphs.All[name]();
        AssertAgrees(graph, TfLiteExporter.ToBytes(UnrollRecurrences.Apply(graph, keepsLstm: false)), 1e-4f);
    }

    /// <summary>Integers all the way; Arm NN rounds ties otherwise, and a step in one layer can be some in the logits.</summary>
    [Theory]
    [InlineData("a residual network")]
    [InlineData("a network of branches")]
    public void Int8File_InArmNn_ComputesWhatTheGraphDoes(string name)
    {
        var qdq = ExportTests.Quantized(OperatorGraphs.All[name](), wholly: true);
        AssertAgrees(qdq, TfLiteExporter.ToBytes(qdq), 0.04f);
    }

    [Theory]
    [InlineData("ic_resnet8_float", "ic_resnet8")]
    [InlineData("kws_int8", "kws_int8")]
    public void ImportedAndWrittenFile_InArmNn_GivesTheGoldenOutputs(string model, string golden)
    {
        RequireArmNn();
        var input = Repository.Shared("golden", golden + ".input.npy");
        var expected = Npy.Read(Repository.Shared("golden", golden + ".output.npy"));
        using var folder = new TemporaryFolder();
        TfLiteExporter.Write(ModelImporter.Load(Repository.Shared("models", model + ".tflite")), folder.File("copy.tflite"));
        var actual = Run(folder, "copy.tflite", input);
        Assert.Equal(expected.Count, actual.Count);
        var (wanted, given) = (Casting.Run(expected, ElementType.Float32).Floats, Casting.Run(actual, ElementType.Float32).Floats);
        Assert.All(wanted.Zip(given), p => Assert.InRange(MathF.Abs(p.First - p.Second), 0, expected.Type == ElementType.Int8 ? 1 : 1e-4f));
    }

    private static void AssertAgrees(GraphSpec graph, byte[] file, float tolerance)
    {
        RequireArmNn();
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.tflite"), file);
        var read = ModelImporter.Load(folder.File("model.tflite"));
        var inputs = TestGraph.Inputs(read, batch: 3);
        Npy.Write(folder.File("input.npy"), inputs.Values.Single());
        var actual = Run(folder, "model.tflite", folder.File("input.npy"));
        var expected = new GraphInterpreter(read).Run(inputs).Values.Single();
        Assert.Equal(expected.Count, actual.Count);
        var scale = expected.Floats.Max(MathF.Abs);
        Assert.All(expected.Floats.Zip(actual.Floats), p => Assert.InRange(MathF.Abs(p.First - p.Second), 0, tolerance * MathF.Max(1, scale)));
        // The graph before it was written: what both agree on must not be a common misreading of the file.
        var original = new GraphInterpreter(graph).Run(graph.Inputs.ToDictionary(i => i.Name, i => Ordered(inputs.Values.Single(), i.Shape)));
        var wanted = Ordered(actual, graph.Outputs[0].Shape);
        Assert.All(original.Values.Single().Floats.Zip(wanted.Floats), p => Assert.InRange(MathF.Abs(p.First - p.Second), 0, tolerance * MathF.Max(1, scale)));
    }

    /// <summary>A tensor of the file in the order of the graph's axes: images have their channels last there.</summary>
    private static Tensor Ordered(Tensor tensor, int[] shape)
    {
        if (shape.Length != 4)
            return tensor;
        var target = new float[tensor.Count];
        Layout.Transpose<float>([0, 3, 1, 2], tensor.Floats, [tensor.Shape[0], shape[2], shape[3], shape[1]], target);
        return Tensor.Of(target, tensor.Shape[0], shape[1], shape[2], shape[3]);
    }

    private static void RequireArmNn() => Assert.SkipUnless(
        Directory.Exists(Backends) && File.Exists("/usr/lib/python3/dist-packages/pyarmnn/__init__.py") && Directory.Exists("/usr/lib/python3/dist-packages/numpy"),
        "Arm NN is not installed (Debian: python3-pyarmnn, libarmnn-cpuref-backend22, python3-numpy)");

    private static Tensor Run(TemporaryFolder folder, string model, string input)
    {
        File.WriteAllText(folder.File("run.py"), Script);
        var start = new ProcessStartInfo(Python, [folder.File("run.py"), folder.File(model), input, folder.File("output.npy"), Backends]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"Arm NN failed: {error} {output.Result}");
        return Npy.Read(folder.File("output.npy"));
    }

    private const string Script = """
        import sys
        import numpy as np
        import pyarmnn as ann
        model, inputs, outputs, backends = sys.argv[1:]
        parser = ann.ITfLiteParser()
        network = parser.CreateNetworkFromBinaryFile(model)
        options = ann.CreationOptions()
        options.m_DynamicBackendsPath = backends
        runtime = ann.IRuntime(options)
        optimized, _ = ann.Optimize(network, [ann.BackendId('CpuRef')], runtime.GetDeviceSpec(), ann.OptimizerOptions())
        loaded, _ = runtime.LoadNetwork(optimized)
        source = parser.GetNetworkInputBindingInfo(0, parser.GetSubgraphInputTensorNames(0)[0])
        target = parser.GetNetworkOutputBindingInfo(0, parser.GetSubgraphOutputTensorNames(0)[0])
        results = []
        for sample in np.load(inputs):
            made = ann.make_output_tensors([target])
            runtime.EnqueueWorkload(loaded, ann.make_input_tensors([source], [sample[None]]), made)
            results.append(ann.workload_tensors_to_ndarray(made)[0].copy())
        np.save(outputs, np.concatenate(results))
        """;
}
