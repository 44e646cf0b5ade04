using System.Globalization;
using System.IO.Compression;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>The keyword-spotting model of MLPerf Tiny as Keras exported it: a SavedModel with training, saving and regularisation in it.</summary>
public class KeywordModelTests
{
    /// <summary>Its weights come from another training run than those of kws_float.tflite (no layer is alike), so only accuracy is compared.</summary>
    [Fact]
    public void SavedModel_OnAllSamples_IsRightOnNineOfTen()
    {
        var graph = Simplification.Apply(ModelImporter.Load(Repository.Shared("models", "kws_saved_model")));
        var (input, labels) = Samples();
        var scores = new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = input })[graph.Outputs[0].Name];
        var right = labels.Where((label, i) => Best(scores.Floats.AsSpan(i * 12, 12)) == label).Count();
        Assert.InRange(right, 900, 1000);
    }

    private static int Best(ReadOnlySpan<float> scores)
    {
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
            best = scores[i] > scores[best] ? i : best;
        return best;
    }

    /// <summary>Int8 MFCC features, dequantized as the int8 model of the same network reads them.</summary>
    private static (Tensor Input, int[] Labels) Samples()
    {
        using var zip = ZipFile.OpenRead(Repository.Shared("data", "kws01.zip"));
        var entries = zip.Entries.ToDictionary(e => e.Name, e => e);
        using var reader = new StreamReader(entries["y_labels.csv"].Open());
        var rows = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(l => l.Split(',')).ToList();
        var values = new float[rows.Count * 490];
        for (var i = 0; i < rows.Count; i++)
        {
            using var stream = entries[rows[i][0]].Open();
            var bytes = new byte[490];
            stream.ReadExactly(bytes);
            for (var k = 0; k < bytes.Length; k++)
                values[i * 490 + k] = ((sbyte)bytes[k] - 83) * 0.5847029f;
        }
        return (Tensor.Of(values, rows.Count, 49, 10, 1), [.. rows.Select(r => int.Parse(r[2], CultureInfo.InvariantCulture))]);
    }
}
