using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>
/// The operator tests that are published with ONNX (Debian's libonnx-testdata): every one whose operators the importer has
/// is either computed as published, or refused for a reason that is listed here.
/// </summary>
public class OnnxNodeTests
{
    private const string Folder = "/usr/share/libonnx-testdata/data";

    /// <summary>What a refusal must say, by the beginning of the test's name.</summary>
    private static readonly (string Test, string Says)[] Refused =
    [
        ("averagepool_3d", "3-dimensional window"),
        ("maxpool_3d", "3-dimensional window"),
        ("maxpool_with_argmax", "second output (indices)"),
        ("batchnorm", "training mode"),
        ("training_dropout", "training mode"),
        ("convtranspose_3d", "1-D and 2-D convolutions"),
        ("ConvTranspose3d", "1-D and 2-D convolutions"),
        ("Conv3d", "1-D and 2-D convolutions"),
        ("AvgPool3d", "3-dimensional window"),
        ("MaxPool3d", "3-dimensional window"),
        ("dynamicquantizelinear", "its integers are read by"),
        ("tril_zero", "unknown size along axis 1"),
        ("triu_zero", "is no matrix"),
        ("blackmanwindow", "node 'Range"),
        ("hammingwindow", "node 'Range"),
        ("hannwindow", "node 'Range"),
        ("reshape_allowzero", "empty tensor"),
        ("slice_start_out_of_bounds", "empty tensor"),
        ("split_zero_size", "split"),
        ("sequence_model8", "parts of [0,0,0]"),
        ("resize_downsample_scales_cubic", "mode 'cubic'"),
        ("resize_downsample_sizes_cubic", "mode 'cubic'"),
        ("resize_upsample_scales_cubic", "mode 'cubic'"),
        ("resize_upsample_sizes_cubic", "mode 'cubic'"),
        ("mod_mixed_sign_float", "remainders of real numbers"),
        ("resize_tf_crop_and_resize", "tf_crop_and_resize"),
    ];

    public static IEnumerable<TheoryDataRow<string>> Tests()
    {
        if (!Directory.Exists(Folder))
            return [new TheoryDataRow<string>("") { Skip = "Debian's libonnx-testdata is not installed" }];
        return new[] { "node", "simple", "pytorch-converted", "pytorch-operator" }.SelectMany(kind => Directory.GetDirectories(Path.Combine(Folder, kind)))
            .Where(IsSupported).Order(StringComparer.Ordinal).Select(path => new TheoryDataRow<string>(Path.GetRelativePath(Folder, path)));
    }

    [Theory]
    [MemberData(nameof(Tests))]
    public void Interpreter_PublishedTest_ComputesWhatIsPublished(string name)
    {
        var folder = Path.Combine(Folder, name);
        var model = Model(folder);
        var sets = Directory.GetDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal).ToArray();
        Assert.NotEmpty(sets);
        foreach (var set in sets)
            Check(name, model.Clone(), set);
    }

    private static void Check(string name, ModelProto model, string set)
    {
        var given = Files(set, "input").Select((proto, i) => (Name: model.Graph.Input[i].Name, Proto: proto)).ToList();
        // What is structure (axes, shapes, bounds) must be known at import: such inputs become constants of the file.
        foreach (var (input, proto) in given.Where(g => IsStructure(model, g.Name)).ToList())
        {
            proto.Name = input;
            model.Graph.Initializer.Add(proto);
            given.Remove((input, proto));
        }
        // Some tests are of an older opset than models may be; what they test is the same in the oldest that is supported.
        foreach (var opset in model.OpsetImport)
            opset.Version = Math.Max(opset.Version, OnnxImporter.OldestOpset);
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.onnx"), model.ToByteArray());
        GraphSpec graph;
        try
        {
            graph = ModelImporter.Load(folder.File("model.onnx"));
        }
        catch (ModelImportException refusal)
        {
            var says = Array.Find(Refused, r => Path.GetFileName(name).StartsWith("test_" + r.Test, StringComparison.Ordinal)).Says;
            Assert.True(says is not null && refusal.Message.Contains(says), refusal.Message);
            return;
        }
        var inputs = given.Where(g => graph.Inputs.Any(i => i.Name == g.Name)).ToDictionary(g => g.Name, g => OnnxTensors.Read(g.Proto));
        var actual = new GraphInterpreter(graph).Run(inputs);
        var expected = Files(set, "output").ToArray();
        for (var i = 0; i < expected.Length; i++)
            AssertEqual(OnnxTensors.Read(expected[i]), actual[model.Graph.Output[i].Name]);
    }

    private static void AssertEqual(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.Equal(expected.Type, actual.Type);
        if (expected.Type != ElementType.Float32)
            Assert.Equal(expected.Data.Cast<object>(), actual.Data.Cast<object>());
        else
            // The tolerance that ONNX's own backend tests use.
            for (var i = 0; i < expected.Count; i++)
                Assert.True(
                    expected.Floats[i].Equals(actual.Floats[i]) || MathF.Abs(expected.Floats[i] - actual.Floats[i]) <= 1e-7f + 1e-3f * MathF.Abs(expected.Floats[i]),
                    $"element {i}: published {expected.Floats[i]}, computed {actual.Floats[i]}");
    }

    private static bool IsStructure(ModelProto model, string input)
    {
        var used = model.Graph.Node.SelectMany(n => n.Input.Select((name, i) => (n, name, i))).Where(u => u.name == input).ToArray();
        return used.Length > 0 && used.All(u => u.i > 0 && u.n.OpType switch
        {
            "Reshape" or "Expand" or "Tile" or "Squeeze" or "Unsqueeze" or "Split" or "Slice" or "Resize" or "Upsample" or "Pad" or "Range" => true,
            "Dropout" or "Trilu" or "CumSum" => true,
            "OneHot" or "SequenceAt" or "SequenceErase" or "SplitToSequence" => u.i == 1,
            "SequenceInsert" => u.i == 2,
            "MatMulInteger" or "ConvInteger" => u.i > 1,
            _ => u.n.OpType.StartsWith("Reduce", StringComparison.Ordinal),
        }) || used.Length > 0 && used.All(u => u.n.OpType is "ConstantOfShape" or "Range" or "If" or "NonZero" || u.n.OpType == "Loop" && u.i < 2)
            // Range as a function: its numbers say how often its loop is repeated.
            || model.Graph.Node.Any(n => n.OpType == "Loop") && model.Graph.Name.Contains("range", StringComparison.Ordinal);
    }

    /// <summary>All operators are the importer's, and all tensors of types that the IR has.</summary>
    private static bool IsSupported(string folder)
    {
        var model = Model(folder);
        // The tests store bfloat16 as uint16.
        return model.Graph.Input.Concat(model.Graph.Output).All(v => v.Type?.TensorType?.ElemType != (int)TensorProto.Types.DataType.Bfloat16) && model.Graph.Node.All(n => n.Domain is "" or "ai.onnx" && OnnxOperators.All.ContainsKey(n.OpType))
            && model.Graph.Input.Concat(model.Graph.Output).All(v => v.Type?.TensorType is { } t && OnnxTensors.ComputedTypeOf(t.ElemType) is not null);
    }

    private static ModelProto Model(string folder) => ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, "model.onnx")));

    private static IEnumerable<TensorProto> Files(string set, string kind) =>
        Enumerable.Range(0, int.MaxValue).Select(i => Path.Combine(set, $"{kind}_{i}.pb")).TakeWhile(File.Exists).Select(path => TensorProto.Parser.ParseFrom(File.ReadAllBytes(path)));
}
