using System.Text.Json.Nodes;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>Keras's attention and the layers that come with it, as its documentation defines them.</summary>
public class AttentionLayerTests
{
    private const int Steps = 5, Others = 4, Width = 6, Heads = 2, KeyDepth = 3, ValueDepth = 4;

    private readonly Random _random = new(12);

    public static TheoryData<bool, bool, bool> Kinds => new() { { true, true, false }, { true, false, true }, { false, true, false }, { false, false, true } };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void MultiHeadAttention_OfEveryKind_MixesTheValues(bool self, bool biased, bool causal)
    {
        var (x, y) = (Uniform(1, 2, Steps, Width), Uniform(1, 2, self ? Steps : Others, Width));
        var weights = MultiHeadWeights(biased);
        var expected = MultiHead(x, self ? x : y, weights, biased, (_, from, to) => !causal || to <= from);
        AssertComputes(expected, self ? [x] : [x, y], file =>
        {
            var query = file.Input(Steps, Width);
            var value = self ? query : file.Input(Others, Width);
            return file.Call("MultiHeadAttention", MultiHeadConfig(biased), weights, new() { ["value"] = value, ["use_causal_mask"] = causal }, query);
        });
    }

    [Fact]
    public void MultiHeadAttention_BehindAMaskedEmbedding_LooksAtWordsOnly()
    {
        var table = Uniform(1, 10, Width);
        var words = Tensor.Of([3f, 9, 4, 0, 0, 0, 2, 0, 7, 1], 2, Steps);
        var x = Tensor.Of([.. words.Floats.SelectMany(w => table.Floats.AsSpan((int)w * Width, Width).ToArray())], 2, Steps, Width);
        var weights = MultiHeadWeights(biased: true);
        var all = MultiHead(x, x, weights, true, (n, _, to) => words.Floats[n * Steps + to] != 0);
        // The mean leaves masked queries out too; what attention gives for them does not matter.
        var mean = Enumerable.Range(0, 2 * Width).Select(i => Enumerable.Range(0, Steps).Where(t => words.Floats[i / Width * Steps + t] != 0).Average(t => all.Floats[(i / Width * Steps + t) * Width + i % Width]));
        AssertComputes(Tensor.Of([.. mean], 2, Width), [words], file =>
        {
            var embedded = file.Layer("Embedding", new() { ["mask_zero"] = true }, [("embeddings", table)], file.Input(Steps));
            return file.Layer("GlobalAveragePooling1D", [], None, file.Call("MultiHeadAttention", MultiHeadConfig(biased: true), weights, new() { ["value"] = embedded }, embedded));
        });
    }

    [Theory]
    [InlineData("Attention", "dot", false)]
    [InlineData("Attention", "dot", true)]
    [InlineData("Attention", "concat", true)]
    [InlineData("AdditiveAttention", "dot", true)]
    [InlineData("AdditiveAttention", "dot", false)]
    public void Attention_OfEveryScore_MixesTheValues(string type, string mode, bool scaled)
    {
        var (query, value, key) = (Uniform(1, 2, Steps, Width), Uniform(1, 2, Others, Width), Uniform(1, 2, Others, Width));
        var (scale, vector, weight) = (Tensor.Of([0.7f], []), Uniform(1, Width), Tensor.Of([1.3f], []));
        double Score(int n, int from, int to)
        {
            var pairs = Enumerable.Range(0, Width).Select(i => (Q: At(query, n, from, i), K: At(key, n, to, i), I: i));
            if (type == "AdditiveAttention")
                return pairs.Sum(p => Math.Tanh(p.Q + p.K) * (scaled ? vector.Floats[p.I] : 1));
            return mode == "dot" ? pairs.Sum(p => p.Q * p.K) * (scaled ? 0.7 : 1) : 1.3 * pairs.Sum(p => Math.Tanh((scaled ? 0.7 : 1) * (p.Q + p.K)));
        }
        var expected = Mixed(Score, (n, to, i) => At(value, n, to, i), Steps, Others, Width, (_, _, _) => true);
        List<(string, Tensor)> weights = type == "AdditiveAttention" ? scaled ? [("scale", vector)] : [] : mode == "concat" ? [("scale", scale), ("concat_score_weight", weight)] : scaled ? [("scale", scale)] : [];
        AssertComputes(expected, [query, value, key], file => file.Layer(
            type, new() { ["use_scale"] = scaled, ["score_mode"] = mode }, (IReadOnlyList<(string, Tensor)>)weights, file.Input(Steps, Width), file.Input(Others, Width), file.Input(Others, Width)));
    }

    [Fact]
    public void Dot_AlongAnAxisOfEither_Multiplies()
    {
        var (a, b) = (Uniform(1, 2, Steps, Width), Uniform(1, 2, Width, Others));
        var expected = from n in Enumerable.Range(0, 2) from i in Enumerable.Range(0, Steps) from j in Enumerable.Range(0, Others)
                       select (float)Enumerable.Range(0, Width).Sum(k => (double)At(a, n, i, k) * At(b, n, k, j));
        AssertComputes(Tensor.Of([.. expected], 2, Steps, Others), [a, b], file => file.Layer("Dot", new() { ["axes"] = new JsonArray(2, 1) }, None, file.Input(Steps, Width), file.Input(Width, Others)));
        var (u, v) = (Uniform(1, 2, Width), Uniform(1, 2, Width));
        double Length(Tensor x, int n) => Math.Sqrt(Enumerable.Range(0, Width).Sum(i => Math.Pow(x.Floats[n * Width + i], 2)));
        AssertComputes(Tensor.Of([.. Enumerable.Range(0, 2).Select(n => (float)(Enumerable.Range(0, Width).Sum(i => (double)u.Floats[n * Width + i] * v.Floats[n * Width + i]) / Length(u, n) / Length(v, n)))], 2, 1), [u, v],
            file => file.Layer("Dot", new() { ["axes"] = -1, ["normalize"] = true }, None, file.Input(Width), file.Input(Width)));
    }

    [Theory]
    [InlineData("same", 2, 3)]
    [InlineData("same", 3, 2)]
    [InlineData("valid", 2, 3)]
    [InlineData("valid", 3, 2)]
    public void TransposedConvolution_OfEveryPadding_SpreadsTheKernel(string padding, int stride, int size)
    {
        var (x, kernel, bias) = (Uniform(1, 2, 4, 5, 3), Uniform(1, size, size, 2, 3), Uniform(1, 2));
        var expected = Enlarged(x, kernel, bias, stride, padding == "same");
        AssertComputes(expected, [x], file => file.Layer("Conv2DTranspose", new() { ["filters"] = 2, ["kernel_size"] = new JsonArray(size, size), ["strides"] = new JsonArray(stride, stride), ["padding"] = padding },
            [("kernel", kernel), ("bias", bias)], file.Input(4, 5, 3)));
        var (line, short1) = (Uniform(1, 2, 6, 3), Uniform(1, size, 2, 3));
        var wide = Enlarged(line.Reshape(2, 6, 1, 3), short1.Reshape(size, 1, 2, 3), bias, stride, padding == "same", columns: 1);
        AssertComputes(wide.Reshape(2, wide.Shape[1], 2), [line], file => file.Layer("Conv1DTranspose", new() { ["filters"] = 2, ["kernel_size"] = size, ["strides"] = stride, ["padding"] = padding },
            [("kernel", short1), ("bias", bias)], file.Input(6, 3)));
    }

    [Fact]
    public void Normalizations_ByTheSampleItself_ComputeTheirStatistics()
    {
        var (x, gamma, beta) = (Uniform(1, 2, 3, 4, 6), Uniform(1, 6), Uniform(1, 6));
        var grouped = x.Floats.Select((v, i) =>
        {
            var (n, group) = (i / 72, i % 6 / 2);
            var members = Enumerable.Range(n * 72, 72).Where(j => j % 6 / 2 == group).Select(j => (double)x.Floats[j]).ToArray();
            return (float)((v - members.Average()) / Math.Sqrt(members.Average(m => Math.Pow(m - members.Average(), 2)) + 1e-3) * gamma.Floats[i % 6] + beta.Floats[i % 6]);
        });
        AssertComputes(Tensor.Of([.. grouped], x.Shape), [x], file => file.Layer("GroupNormalization", new() { ["groups"] = 3, ["axis"] = -1, ["epsilon"] = 1e-3 }, [("gamma", gamma), ("beta", beta)], file.Input(3, 4, 6)));
        float Norm(int i) => MathF.Sqrt(x.Floats.AsSpan(i / 6 * 6, 6).ToArray().Sum(v => v * v));
        AssertComputes(Tensor.Of([.. x.Floats.Select((v, i) => v / Norm(i))], x.Shape), [x], file => file.Layer("UnitNormalization", new() { ["axis"] = -1 }, None, file.Input(3, 4, 6)));
        AssertComputes(Tensor.Of([.. x.Floats.Select((v, i) => v / MathF.Sqrt(Norm(i) * Norm(i) / 6 + 1e-6f) * gamma.Floats[i % 6])], x.Shape), [x],
            file => file.Layer("RMSNormalization", new() { ["axis"] = -1, ["epsilon"] = 1e-6 }, [("scale", gamma)], file.Input(3, 4, 6)));
    }

    [Fact]
    public void EinsumDense_OverOneAxisOfSeveral_IsADenseLayer()
    {
        var (x, kernel, bias) = (Uniform(1, 2, Steps, Width), Uniform(1, Width, 3, 2), Uniform(1, 3, 2));
        var expected = ChannelsLastMath.Dense(x, kernel.Reshape(Width, 6), bias.Reshape(6));
        AssertComputes(expected.Reshape(2, Steps, 3, 2), [x], file => file.Layer("EinsumDense", new() { ["equation"] = "abc,cde->abde", ["bias_axes"] = "de" }, [("kernel", kernel), ("bias", bias)], file.Input(Steps, Width)));
        AssertComputes(expected, [x], file => file.Layer("EinsumDense", new() { ["equation"] = "...x,xy->...y", ["bias_axes"] = "y" }, [("kernel", kernel.Reshape(Width, 6)), ("bias", bias.Reshape(6))], file.Input(Steps, Width)));
    }

    [Fact]
    public void ImagesBeforeTheModel_AreCroppedAndResized()
    {
        var x = Uniform(1, 1, 5, 6, 2);
        var cropped = from y in Enumerable.Range(0, 2) from column in Enumerable.Range(0, 4) from c in Enumerable.Range(0, 2) select x.Floats[((y + 1) * 6 + column + 1) * 2 + c];
        AssertComputes(Tensor.Of([.. cropped], 1, 2, 4, 2), [x], file => file.Layer("CenterCrop", new() { ["height"] = 2, ["width"] = 4 }, None, file.Input(5, 6, 2)));
        var doubled = from y in Enumerable.Range(0, 10) from column in Enumerable.Range(0, 12) from c in Enumerable.Range(0, 2) select x.Floats[(y / 2 * 6 + column / 2) * 2 + c];
        AssertComputes(Tensor.Of([.. doubled], 1, 10, 12, 2), [x], file => file.Layer("Resizing", new() { ["height"] = 10, ["width"] = 12, ["interpolation"] = "nearest" }, None, file.Input(5, 6, 2)));
    }

    /// <summary>The configuration alone, so that every mutation is in what decides the graph.</summary>
    [Fact]
    public void MutatedSettings_FiveThousandTimes_AlwaysGiveAGraphOrARefusal()
    {
        var file = new KerasFile();
        var x = file.Layer("Embedding", new() { ["mask_zero"] = true }, [("embeddings", Uniform(1, 10, Width))], file.Input(Steps));
        x = file.Call("MultiHeadAttention", MultiHeadConfig(biased: true), MultiHeadWeights(biased: true), new() { ["value"] = x, ["use_causal_mask"] = true }, x);
        x = file.Layer("GRU", new() { ["units"] = 3, ["return_sequences"] = true, ["return_state"] = true, ["reset_after"] = true }, [("cell", "kernel", Uniform(1, Width, 9)), ("cell", "recurrent_kernel", Uniform(1, 3, 9)), ("cell", "bias", Uniform(1, 2, 9))], x);
        x = file.Layer("Conv1DTranspose", new() { ["kernel_size"] = 3, ["strides"] = 2, ["padding"] = "same" }, [("kernel", Uniform(1, 3, 4, 3)), ("bias", Uniform(1, 4))], x + ":0");
        x = file.Layer("ops.Reshape", new() { ["newshape"] = new JsonArray(-1, 5, 8) }, NoWeights, x);
        x = file.Call("ops.GetItem", [], NoWeights, new() { ["args"] = new JsonArray(new JsonArray(new JsonObject { ["class_name"] = "slice", ["config"] = new JsonObject() }, -1)) }, x);
        var bytes = file.ToArchive(x);
        Assert.Null(DamagedFile.LoadOrRefuse("sound.keras", bytes));
        var (config, weights) = (BadFileTests.Entry(bytes, "config.json"), BadFileTests.Entry(bytes, "model.weights.h5"));
        foreach (var mutated in Mutations.Of(config, 5_000))
            DamagedFile.LoadOrRefuse("bad.keras", KerasFile.Archive(System.Text.Encoding.Latin1.GetString(mutated), weights));
    }

    private static IReadOnlyList<(string Path, string Name, Tensor Value)> NoWeights => [];

    private static JsonObject MultiHeadConfig(bool biased) => new() { ["num_heads"] = Heads, ["key_dim"] = KeyDepth, ["value_dim"] = ValueDepth, ["use_bias"] = biased };

    private (string Path, string Name, Tensor Value)[] MultiHeadWeights(bool biased)
    {
        (string Path, string Name, Tensor Value)[] all =
        [
            ("query_dense", "kernel", Uniform(1, Width, Heads, KeyDepth)), ("query_dense", "bias", Uniform(1, Heads, KeyDepth)), ("key_dense", "kernel", Uniform(1, Width, Heads, KeyDepth)), ("key_dense", "bias", Uniform(1, Heads, KeyDepth)),
            ("value_dense", "kernel", Uniform(1, Width, Heads, ValueDepth)), ("value_dense", "bias", Uniform(1, Heads, ValueDepth)), ("output_dense", "kernel", Uniform(1, Heads, ValueDepth, Width)), ("output_dense", "bias", Uniform(1, Width)),
        ];
        return biased ? all : [.. all.Where(w => w.Name == "kernel")];
    }

    private static Tensor MultiHead(Tensor x, Tensor y, (string Path, string Name, Tensor Value)[] weights, bool biased, Func<int, int, int, bool> attends)
    {
        double Projected(Tensor of, string path, int n, int step, int column)
        {
            var kernel = weights.Single(w => w.Path == path && w.Name == "kernel").Value;
            var columns = kernel.Shape[1] * kernel.Shape[2];
            return Enumerable.Range(0, Width).Sum(i => (double)At(of, n, step, i) * kernel.Floats[i * columns + column]) + (biased ? weights.Single(w => w.Path == path && w.Name == "bias").Value.Floats[column] : 0);
        }
        var heads = Enumerable.Range(0, Heads).Select(head => Mixed(
            (n, from, to) => Enumerable.Range(head * KeyDepth, KeyDepth).Sum(i => Projected(x, "query_dense", n, from, i) * Projected(y, "key_dense", n, to, i)) / Math.Sqrt(KeyDepth),
            (n, to, i) => Projected(y, "value_dense", n, to, head * ValueDepth + i), x.Shape[1], y.Shape[1], ValueDepth, attends)).ToArray();
        var joined = Tensor.Of([.. Enumerable.Range(0, 2 * x.Shape[1]).SelectMany(row => heads.SelectMany(h => h.Floats.AsSpan(row * ValueDepth, ValueDepth).ToArray()))], 2, x.Shape[1], Heads * ValueDepth);
        var output = weights.Where(w => w.Path == "output_dense").Select(w => w.Value).ToArray();
        return ChannelsLastMath.Dense(joined, output[0].Reshape(Heads * ValueDepth, Width), biased ? output[1] : null);
    }

    /// <summary>Means of the values by the softmax of the scores of what is attended to.</summary>
    private static Tensor Mixed(Func<int, int, int, double> score, Func<int, int, int, double> value, int from, int to, int width, Func<int, int, int, bool> attends)
    {
        var result = new List<float>();
        for (var n = 0; n < 2; n++)
            for (var q = 0; q < from; q++)
            {
                var shares = Enumerable.Range(0, to).Select(k => attends(n, q, k) ? Math.Exp(score(n, q, k)) : 0).ToArray();
                result.AddRange(Enumerable.Range(0, width).Select(i => (float)(Enumerable.Range(0, to).Sum(k => shares[k] * value(n, k, i)) / shares.Sum())));
            }
        return Tensor.Of([.. result], 2, from, width);
    }

    /// <summary>TensorFlow's conv2d_transpose: every input adds its multiple of the kernel; "same" keeps size * stride outputs and cuts half of the rest off in front.</summary>
    internal static Tensor Enlarged(Tensor x, Tensor kernel, Tensor bias, int stride, bool same, int? columns = null)
    {
        var (channels, outputs) = (x.Shape[3], kernel.Shape[2]);
        (int Size, int Before) Extent(int size, int window, int step) => same
            ? (size * step, Math.Max(0, (size - 1) * step + window - size * step) / 2)
            : (size * step + Math.Max(window - step, 0), 0);
        var (height, top) = Extent(x.Shape[1], kernel.Shape[0], stride);
        var (width, left) = Extent(x.Shape[2], kernel.Shape[1], columns ?? stride);
        var result = Enumerable.Range(0, x.Shape[0] * height * width).SelectMany(_ => bias.Floats).ToArray();
        for (var n = 0; n < x.Shape[0]; n++)
            for (var y = 0; y < x.Shape[1]; y++)
                for (var column = 0; column < x.Shape[2]; column++)
                    for (var h = 0; h < kernel.Shape[0]; h++)
                        for (var w = 0; w < kernel.Shape[1]; w++)
                            if (y * stride + h - top is >= 0 and var row && row < height && column * (columns ?? stride) + w - left is >= 0 and var at && at < width)
                                for (var o = 0; o < outputs; o++)
                                    for (var c = 0; c < channels; c++)
                                        result[((n * height + row) * width + at) * outputs + o] += x.Floats[((n * x.Shape[1] + y) * x.Shape[2] + column) * channels + c] * kernel.Floats[((h * kernel.Shape[1] + w) * outputs + o) * channels + c];
        return Tensor.Of(result, x.Shape[0], height, width, outputs);
    }

    private static double At(Tensor x, int n, int step, int i) => x.Floats[(n * x.Shape[1] + step) * x.Shape[2] + i];

    private static IReadOnlyList<(string, Tensor)> None => [];

    private static void AssertComputes(Tensor expected, Tensor[] inputs, Func<KerasFile, string> build)
    {
        var file = new KerasFile();
        var output = build(file);
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(KerasFileTests.Load(file.ToHdf5(output), ".h5"), inputs));
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(KerasFileTests.Load(file.ToArchive(output), ".keras"), inputs));
    }

    private Tensor Uniform(float range, params int[] shape) =>
        Tensor.Of([.. Enumerable.Range(0, shape.Aggregate(1, (a, d) => a * d)).Select(_ => (_random.NextSingle() * 2 - 1) * range)], shape);
}
