using System.Text.Json.Nodes;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>Keras's layers of text and time series, step by step as its documentation defines them.</summary>
public class SequenceLayerTests
{
    private const int Time = 5, Features = 3, Units = 4;

    private readonly Random _random = new(11);

    public static TheoryData<string, bool, bool> Layers()
    {
        var data = new TheoryData<string, bool, bool>();
        foreach (var layer in (string[])["LSTM", "GRU", "GRU, reset after", "SimpleRNN"])
            foreach (var sequences in (bool[])[false, true])
                foreach (var backwards in (bool[])[false, true])
                    data.Add(layer, sequences, backwards);
        return data;
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void RecurrentLayer_OfEveryKind_ComputesItsSteps(string layer, bool sequences, bool backwards)
    {
        var weights = Weights(layer);
        var x = Uniform(1, 2, Time, Features);
        var config = Config(layer, sequences);
        config["go_backwards"] = backwards;
        var states = States(layer, weights, x, backwards);
        AssertComputes(sequences ? states : Last(states), x, file => file.Layer(layer.Split(',')[0], config, [.. weights.Select(w => ("cell", w.Name, w.Value))], file.Input(Time, Features)));
    }

    [Theory]
    [InlineData("LSTM", "concat", true)]
    [InlineData("LSTM", "sum", false)]
    [InlineData("GRU, reset after", "concat", false)]
    [InlineData("GRU, reset after", "ave", true)]
    [InlineData("SimpleRNN", "mul", true)]
    public void BidirectionalLayer_OfEveryMerge_ReadsFromBothEnds(string layer, string merge, bool sequences)
    {
        var (forward, backward) = (Weights(layer), Weights(layer));
        var x = Uniform(1, 2, Time, Features);
        var config = new JsonObject { ["merge_mode"] = merge, ["layer"] = new JsonObject { ["class_name"] = layer.Split(',')[0], ["config"] = Config(layer, sequences) } };
        var (first, second) = (States(layer, forward, x, backwards: false), States(layer, backward, x, backwards: true));
        // The states read from the end belong to the steps they were computed at.
        var (a, b) = sequences ? (first, Reversed(second)) : (Last(first), Last(second));
        var expected = merge switch
        {
            "concat" => Tensor.Of([.. a.Floats.Chunk(Units).Zip(b.Floats.Chunk(Units), (l, r) => l.Concat(r)).SelectMany(v => v)], [.. a.Shape[..^1], 2 * Units]),
            "sum" => Tensor.Of([.. a.Floats.Zip(b.Floats, (l, r) => l + r)], a.Shape),
            "ave" => Tensor.Of([.. a.Floats.Zip(b.Floats, (l, r) => (l + r) / 2)], a.Shape),
            _ => Tensor.Of([.. a.Floats.Zip(b.Floats, (l, r) => l * r)], a.Shape),
        };
        AssertComputes(expected, x, file => file.Layer("Bidirectional", config,
            [.. forward.Select(w => ("forward_layer/cell", w.Name, w.Value)), .. backward.Select(w => ("backward_layer/cell", w.Name, w.Value))], file.Input(Time, Features)));
    }

    /// <summary>
    /// What Keras 1 and 2 had for GPUs: kernels in which the numbers of a gate are those of its transposed matrix, two biases, and no
    /// settings of activations (keras/engine/saving.py, _convert_rnn_weights).
    /// </summary>
    [Theory]
    [InlineData("CuDNNLSTM", "LSTM", false)]
    [InlineData("CuDNNLSTM", "LSTM", true)]
    [InlineData("CuDNNGRU", "GRU, reset after", false)]
    [InlineData("CuDNNGRU", "GRU, reset after", true)]
    public void RecurrentLayerForGpus_IsTheLayerItStandsFor(string layer, string same, bool both)
    {
        var (forward, backward) = (Weights(same), Weights(same));
        var x = Uniform(1, 2, Time, Features);
        var config = new JsonObject { ["units"] = Units, ["return_sequences"] = true, ["return_state"] = false };
        var (ahead, back) = (States(same, forward, x, backwards: false), Reversed(States(same, backward, x, backwards: true)));
        if (!both)
            AssertComputes(ahead, x, file => file.Layer(layer, config, [.. ForGpu(forward).Select(w => ("cell", w.Name, w.Value))], file.Input(Time, Features)));
        else
            AssertComputes(Tensor.Of([.. ahead.Floats.Chunk(Units).Zip(back.Floats.Chunk(Units), (l, r) => l.Concat(r)).SelectMany(v => v)], 2, Time, 2 * Units), x,
                file => file.Layer("Bidirectional", new JsonObject { ["merge_mode"] = "concat", ["layer"] = new JsonObject { ["class_name"] = layer, ["config"] = config } },
                    [.. ForGpu(forward).Select(w => ("forward_layer/cell", w.Name, w.Value)), .. ForGpu(backward).Select(w => ("backward_layer/cell", w.Name, w.Value))], file.Input(Time, Features)));
    }

    [Fact]
    public void TextModel_OfEmbeddingRecurrenceAndNormalisation_ComputesItsLayers()
    {
        var table = Uniform(1, 20, Features);
        var weights = Weights("LSTM");
        var (gamma, beta) = (Uniform(1, Units), Uniform(1, Units));
        var (kernel, bias) = (Uniform(1, Units, 6), Uniform(1, 6));
        var words = Tensor.Of([.. Enumerable.Range(0, 2 * Time).Select(i => (float)(i * 7 % 20))], 2, Time);
        var embedded = Tensor.Of([.. words.Floats.SelectMany(w => table.Floats.AsSpan((int)w * Features, Features).ToArray())], 2, Time, Features);
        var normed = Normalized(States("LSTM", weights, embedded, backwards: false), gamma, beta);
        var pooled = Tensor.Of([.. Enumerable.Range(0, 2 * Units).Select(i => Enumerable.Range(0, Time).Average(t => normed.Floats[(i / Units * Time + t) * Units + i % Units]))], 2, Units);
        AssertComputes(ChannelsLastMath.Softmax(ChannelsLastMath.Dense(pooled, kernel, bias)), words, file =>
        {
            var x = file.Layer("Embedding", new() { ["input_dim"] = 20, ["output_dim"] = Features, ["mask_zero"] = false }, [("embeddings", table)], file.Input(Time));
            x = file.Layer("LSTM", Config("LSTM", true), [.. weights.Select(w => ("cell", w.Name, w.Value))], x);
            x = file.Layer("LayerNormalization", new() { ["axis"] = new JsonArray(-1), ["epsilon"] = 1e-3 }, [("gamma", gamma), ("beta", beta)], x);
            x = file.Layer("GlobalAveragePooling1D", [], None, x);
            return file.Layer("Dense", new() { ["activation"] = "softmax" }, [("kernel", kernel), ("bias", bias)], x);
        });
    }

    public static TheoryData<string, bool, string> Masked()
    {
        var data = new TheoryData<string, bool, string>();
        foreach (var layer in (string[])["LSTM", "GRU", "GRU, reset after", "SimpleRNN"])
            foreach (var sequences in (bool[])[false, true])
                foreach (var direction in (string[])["forward", "backward", "both"])
                    data.Add(layer, sequences, direction);
        return data;
    }

    /// <summary>Zeros before, behind and between words, and a sample of nothing else, are skipped.</summary>
    [Theory]
    [MemberData(nameof(Masked))]
    public void MaskedEmbedding_InFrontOfARecurrentLayer_SkipsWhatIsMasked(string layer, bool sequences, string direction)
    {
        var (table, forward, backward) = (Uniform(1, 20, Features), Weights(layer), Weights(layer));
        var words = Tensor.Of([3f, 9, 4, 0, 0, 0, 0, 7, 2, 11, 5, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5], 5, Time);
        var (ahead, back) = (MaskedStates(layer, forward, words, table, backwards: false), MaskedStates(layer, direction == "both" ? backward : forward, words, table, backwards: true));
        var config = Config(layer, sequences);
        Tensor Of((Tensor All, Tensor Last) states) => sequences ? states.All : states.Last;
        var expected = direction switch
        {
            "forward" => Of(ahead),
            // A single layer that reads from the end gives its results in that order.
            "backward" => sequences ? Reversed(back.All) : back.Last,
            _ => Tensor.Of([.. Of(ahead).Floats.Chunk(Units).Zip(Of(back).Floats.Chunk(Units), (l, r) => l.Concat(r)).SelectMany(v => v)], [.. Of(ahead).Shape[..^1], 2 * Units]),
        };
        AssertComputes(expected, words, file =>
        {
            var x = file.Layer("Embedding", new() { ["mask_zero"] = true }, [("embeddings", table)], file.Input(Time));
            x = file.Layer("SpatialDropout1D", new() { ["rate"] = 0.2 }, None, x);
            config["go_backwards"] = direction == "backward";
            return direction == "both"
                ? file.Layer("Bidirectional", new() { ["merge_mode"] = "concat", ["layer"] = new JsonObject { ["class_name"] = layer.Split(',')[0], ["config"] = config } },
                    [.. forward.Select(w => ("forward_layer/cell", w.Name, w.Value)), .. backward.Select(w => ("backward_layer/cell", w.Name, w.Value))], x)
                : file.Layer(layer.Split(',')[0], config, [.. forward.Select(w => ("cell", w.Name, w.Value))], x);
        });
    }

    [Fact]
    public void Masking_InFrontOfAnAverage_LeavesStepsOut()
    {
        var x = Tensor.Of([1f, 2, 3, 9, 9, 9, 4, 5, 6, 9, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, -1, -2, -3], 2, Time, 3);
        AssertComputes(Tensor.Of([14 / 3f, 8 / 3f, 6, -1, -2, -3], 2, 3), x,
            file => file.Layer("GlobalAveragePooling1D", [], None, file.Layer("Masking", new() { ["mask_value"] = 9 }, None, file.Input(Time, 3))));
    }

    /// <summary>What two branches with different masks make together depends on the version of Keras.</summary>
    [Fact]
    public void DifferentMasks_MergedInFrontOfARecurrentLayer_AreRefusedByLayer()
    {
        var (file, weights) = (new KerasFile(), Weights("LSTM"));
        string Branch(double value) => file.Layer("Masking", new() { ["mask_value"] = value }, None, file.Input(Time, Features));
        var output = file.Layer("LSTM", Config("LSTM", false), [.. weights.Select(w => ("cell", w.Name, w.Value))], file.Layer("Add", [], None, Branch(0), Branch(1)));
        Assert.Contains("layer 'lstm_5' (LSTM): skips what a mask leaves out", DamagedFile.LoadOrRefuse("masked.keras", file.ToArchive(output)));
    }

    /// <summary>A second layer of the same weights that begins with the states of the first goes on as one layer would.</summary>
    [Theory]
    [InlineData("LSTM")]
    [InlineData("GRU, reset after")]
    [InlineData("SimpleRNN")]
    public void ReturnedStates_AsInitialStates_ContinueTheSequence(string layer)
    {
        var weights = Weights(layer);
        var x = Uniform(1, 2, 2 * Time, Features);
        Tensor Part(int half) => Tensor.Of([.. x.Floats.Chunk(Time * Features).Where((_, i) => i % 2 == half).SelectMany(v => v)], 2, Time, Features);
        var whole = States(layer, weights, x, backwards: false);
        foreach (var archive in (bool[])[false, true])
        {
            var file = new KerasFile();
            (string, string, Tensor)[] stored = [.. weights.Select(w => ("cell", w.Name, w.Value))];
            var (config, second) = (Config(layer, false), Config(layer, true));
            config["return_state"] = true;
            var (type, firstInput, secondInput) = (layer.Split(',')[0], file.Input(Time, Features), file.Input(Time, Features));
            var first = file.Layer(type, config, stored, firstInput);
            string[] states = type == "LSTM" ? [first + ":1", first + ":2"] : [first + ":1"];
            var output = file.Layer(type, second, stored, [secondInput, .. states]);
            var graph = KerasFileTests.Load(archive ? file.ToArchive(output) : file.ToHdf5(output), ".model");
            var expected = Tensor.Of([.. whole.Floats.Chunk(Time * Units).Where((_, i) => i % 2 == 1).SelectMany(v => v)], 2, Time, Units);
            var inputs = new Dictionary<string, Tensor> { [firstInput] = Part(0), [secondInput] = Part(1) };
            ChannelsLastMath.AssertClose(expected, new EdgeAgent.Graph.Evaluation.GraphInterpreter(graph).Run(inputs)[output]);
        }
    }

    [Fact]
    public void TimeDistributed_OfAConvolution_AppliesItToEveryStep()
    {
        var (x, kernel, bias) = (Uniform(1, 2, 3, 5, 4, 2), Uniform(1, 3, 3, 2, 6), Uniform(1, 6));
        var expected = ChannelsLastMath.Conv(x.Reshape(6, 5, 4, 2), kernel, bias, stride: 2);
        AssertComputes(expected.Reshape([2, 3, .. expected.Shape[1..]]), x, file => file.Layer("TimeDistributed",
            new() { ["layer"] = new JsonObject { ["class_name"] = "Conv2D", ["config"] = new JsonObject { ["name"] = "conv", ["filters"] = 6, ["kernel_size"] = new JsonArray(3, 3), ["strides"] = new JsonArray(2, 2), ["padding"] = "same" } } },
            [("layer", "kernel", kernel), ("layer", "bias", bias)], file.Input(3, 5, 4, 2)));
    }

    [Theory]
    [InlineData("nearest")]
    [InlineData("bilinear")]
    public void UpSampling_OfEveryInterpolation_TakesTheNeighbours(string interpolation)
    {
        var x = Uniform(1, 1, 3, 4, 2);
        // Each output's place in the input, its half pixel in the middle.
        float At(int y, int column, int c) => x.Floats[(Math.Clamp(y, 0, 2) * 4 + Math.Clamp(column, 0, 3)) * 2 + c];
        float Bilinear(int y, int column, int c)
        {
            var (v, h) = ((y + 0.5f) / 2 - 0.5f, (column + 0.5f) / 3 - 0.5f);
            var (top, left) = ((int)MathF.Floor(v), (int)MathF.Floor(h));
            float Row(int row) => At(row, left, c) * (1 - (h - left)) + At(row, left + 1, c) * (h - left);
            return Row(top) * (1 - (v - top)) + Row(top + 1) * (v - top);
        }
        var expected = from y in Enumerable.Range(0, 6) from column in Enumerable.Range(0, 12) from c in Enumerable.Range(0, 2)
                       select interpolation == "nearest" ? At(y / 2, column / 3, c) : Bilinear(y, column, c);
        AssertComputes(Tensor.Of([.. expected], 1, 6, 12, 2), x, file =>
            file.Layer("UpSampling2D", new() { ["size"] = new JsonArray(2, 3), ["interpolation"] = interpolation }, None, file.Input(3, 4, 2)));
    }

    [Fact]
    public void RepeatVector_MakesASequence()
    {
        var x = Uniform(1, 2, 3);
        AssertComputes(Tensor.Of([.. x.Floats.Chunk(3).SelectMany(row => Enumerable.Repeat(row, 4)).SelectMany(v => v)], 2, 4, 3), x,
            file => file.Layer("RepeatVector", new() { ["n"] = 4 }, None, file.Input(3)));
    }

    private static IReadOnlyList<(string, Tensor)> None => [];

    private static void AssertComputes(Tensor expected, Tensor x, Func<KerasFile, string> build)
    {
        var file = new KerasFile();
        var output = build(file);
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(KerasFileTests.Load(file.ToHdf5(output), ".h5"), x));
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(KerasFileTests.Load(file.ToArchive(output), ".keras"), x));
    }

    private static JsonObject Config(string layer, bool sequences) => new()
    {
        ["units"] = Units, ["activation"] = "tanh", ["recurrent_activation"] = "sigmoid", ["use_bias"] = true,
        ["return_sequences"] = sequences, ["return_state"] = false, ["reset_after"] = layer == "GRU, reset after",
    };

    private (string Name, Tensor Value)[] Weights(string layer)
    {
        var gates = layer switch { "LSTM" => 4, "SimpleRNN" => 1, _ => 3 };
        var bias = layer == "GRU, reset after" ? Uniform(0.5f, 2, gates * Units) : Uniform(0.5f, gates * Units);
        return [("kernel", Uniform(0.7f, Features, gates * Units)), ("recurrent_kernel", Uniform(0.7f, Units, gates * Units)), ("bias", bias)];
    }

    private (string Name, Tensor Value)[] ForGpu((string Name, Tensor Value)[] weights)
    {
        Tensor Kernel(Tensor plain)
        {
            var (inputs, rows) = (plain.Shape[0], plain.Shape[1]);
            var kernel = Tensor.Of(new float[plain.Count], inputs, rows);
            for (var gate = 0; gate < rows / Units; gate++)
                for (var at = 0; at < inputs * Units; at++)
                    kernel.Floats[at / Units * rows + gate * Units + at % Units] = plain.Floats[at % inputs * rows + gate * Units + at / inputs];
            return kernel;
        }
        var bias = weights[2].Value;
        // An LSTM's two are summed.
        var second = Uniform(0.5f, bias.Count);
        var both = bias.Shape.Length == 2 ? bias.Floats : [.. bias.Floats.Zip(second.Floats, (sum, part) => sum - part), .. second.Floats];
        return [("kernel", Kernel(weights[0].Value)), ("recurrent_kernel", Kernel(weights[1].Value)), ("bias", Tensor.Of(both, both.Length))];
    }

    /// <summary>All states [batch, time, units] in the order in which they are computed. Gates are i, f, c, o, or z, r, h.</summary>
    private static Tensor States(string layer, (string Name, Tensor Value)[] weights, Tensor x, bool backwards)
    {
        var time = x.Shape[1];
        var (kernel, recurrent, bias) = (weights[0].Value, weights[1].Value, weights[2].Value.Floats);
        var width = kernel.Shape[1];
        var all = new List<float>();
        for (var n = 0; n < x.Shape[0]; n++)
        {
            var (h, c) = (new double[Units], new double[Units]);
            for (var step = 0; step < time; step++)
            {
                var input = x.Floats.AsSpan((n * time + (backwards ? time - 1 - step : step)) * Features, Features).ToArray();
                double Of(IReadOnlyList<double> values, Tensor matrix, int column) => values.Select((v, i) => v * matrix.Floats[i * width + column]).Sum();
                double In(int gate, int j) => Of([.. input.Select(v => (double)v)], kernel, gate * Units + j) + bias[gate * Units + j];
                double Back(double[] state, int gate, int j) => Of(state, recurrent, gate * Units + j);
                var next = new double[Units];
                switch (layer)
                {
                    case "LSTM":
                        var cell = new double[Units];
                        for (var j = 0; j < Units; j++)
                        {
                            double Gate(int gate) => In(gate, j) + Back(h, gate, j);
                            cell[j] = Sigmoid(Gate(1)) * c[j] + Sigmoid(Gate(0)) * Math.Tanh(Gate(2));
                            next[j] = Sigmoid(Gate(3)) * Math.Tanh(cell[j]);
                        }
                        c = cell;
                        break;
                    case "SimpleRNN":
                        for (var j = 0; j < Units; j++)
                            next[j] = Math.Tanh(In(0, j) + Back(h, 0, j));
                        break;
                    default:
                        var after = layer == "GRU, reset after";
                        double Second(int gate, int j) => after ? bias[(3 + gate) * Units + j] : 0;
                        var reset = Enumerable.Range(0, Units).Select(j => Sigmoid(In(1, j) + Back(h, 1, j) + Second(1, j))).ToArray();
                        for (var j = 0; j < Units; j++)
                        {
                            var update = Sigmoid(In(0, j) + Back(h, 0, j) + Second(0, j));
                            var candidate = Math.Tanh(In(2, j) + (after ? reset[j] * (Back(h, 2, j) + Second(2, j)) : Back([.. h.Zip(reset, (s, r) => s * r)], 2, j)));
                            next[j] = update * h[j] + (1 - update) * candidate;
                        }
                        break;
                }
                h = next;
                all.AddRange(h.Select(v => (float)v));
            }
        }
        return Tensor.Of([.. all], x.Shape[0], time, Units);
    }

    /// <summary>States of the words that are not 0, each held over the zeros that follow it in the order of computation; at the steps they belong to.</summary>
    private static (Tensor All, Tensor Last) MaskedStates(string layer, (string Name, Tensor Value)[] weights, Tensor words, Tensor table, bool backwards)
    {
        var (all, last) = (new List<float>(), new List<float>());
        foreach (var sample in words.Floats.Chunk(Time))
        {
            var kept = sample.Where(w => w != 0).ToArray();
            var x = Tensor.Of([.. kept.SelectMany(w => table.Floats.AsSpan((int)w * Features, Features).ToArray())], 1, kept.Length, Features);
            var states = States(layer, weights, x, backwards).Floats.Chunk(Units).ToArray();
            var (held, next, steps) = (new float[Units], 0, new float[Time][]);
            foreach (var t in backwards ? Enumerable.Range(0, Time).Reverse() : Enumerable.Range(0, Time))
                steps[t] = held = sample[t] != 0 ? states[next++] : held;
            all.AddRange(steps.SelectMany(v => v));
            last.AddRange(held);
        }
        return (Tensor.Of([.. all], words.Shape[0], Time, Units), Tensor.Of([.. last], words.Shape[0], Units));
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static Tensor Last(Tensor states) => Tensor.Of([.. states.Floats.Chunk(Time * Units).SelectMany(sample => sample[^Units..])], states.Shape[0], Units);

    private static Tensor Reversed(Tensor states) => Tensor.Of([.. states.Floats.Chunk(Time * Units).SelectMany(sample => sample.Chunk(Units).Reverse().SelectMany(v => v))], states.Shape);

    private static Tensor Normalized(Tensor x, Tensor gamma, Tensor beta) => Tensor.Of(
        [.. x.Floats.Chunk(Units).SelectMany(row =>
        {
            var (mean, variance) = (row.Average(), row.Average(v => Math.Pow(v - row.Average(), 2)));
            return row.Select((v, i) => (float)((v - mean) / Math.Sqrt(variance + 1e-3) * gamma.Floats[i] + beta.Floats[i]));
        })],
        x.Shape);

    private Tensor Uniform(float range, params int[] shape) =>
        Tensor.Of([.. Enumerable.Range(0, shape.Aggregate(1, (a, d) => a * d)).Select(_ => (_random.NextSingle() * 2 - 1) * range)], shape);
}
