using EdgeAgent.Inputs;
using Xunit;

namespace EdgeAgent.Tests.Inputs;

public sealed class ModelInputTests
{
    private static readonly Dictionary<string, string> None = [];

    [Theory]
    [InlineData(new[] { -1, 3, 8, 6 }, 3, TensorLayout.Nchw)]
    [InlineData(new[] { 1, 8, 6, 3 }, 3, TensorLayout.Nhwc)]
    [InlineData(new[] { -1, 1, 8, 6 }, 1, TensorLayout.Nchw)]
    [InlineData(new[] { -1, 8, 6, 1 }, 1, TensorLayout.Nhwc)]
    public void Preprocessing_WhereNothingIsSaid_IsPlainPixelsInTheShapeOfTheInput(int[] shape, int channels, TensorLayout layout) =>
        Assert.Equal(new Preprocessing(6, 8) { Channels = channels, Layout = layout }, ModelInput.PreprocessingFor("model", shape, null, None));

    /// <summary>Who gives a scale need not say what the model's input says.</summary>
    [Theory]
    [InlineData(new[] { -1, 3, 8, 6 })]
    [InlineData(new[] { -1, 8, 6, 3 })]
    [InlineData(new[] { -1, 8, 6, 1 })]
    public void Preprocessing_ThatIsGivenInPart_HasTheRestFromTheModel(int[] shape)
    {
        var plain = ModelInput.PreprocessingFor("model", shape, null, None);
        Assert.Equal(plain with { Scale = 0.5f }, ModelInput.PreprocessingFor("model", shape, PreprocessingDocument.FromJson("""{"scale":0.5}"""), None));
        Assert.Equal(plain with { Std = PerChannel.Of(2) }, ModelInput.PreprocessingFor("model", shape, PreprocessingDocument.FromJson("""{"width":6,"height":8,"std":{"r":2,"g":2,"b":2}}"""), None));
    }

    [Theory]
    [InlineData("""{"layout":"nchw"}""", "6 x 8 x 3 (nchw)")]
    [InlineData("""{"width":8,"height":6}""", "8 x 6 x 3 (nhwc)")]
    [InlineData("""{"channels":1}""", "6 x 8 x 1 (nhwc)")]
    public void Preprocessing_OfAnotherInput_IsRefusedWithBothInFull(string given, string makes)
    {
        var fault = Assert.Throws<InputException>(() => ModelInput.PreprocessingFor("model.tflite", [-1, 8, 6, 3], PreprocessingDocument.FromJson(given), None)).Message;
        Assert.StartsWith($"model.tflite: the pre-processing makes {makes}, the model's input is 6 x 8 x 3 (nhwc)", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Preprocessing_OfTheFile_CountsWhereNoneIsGiven()
    {
        // A file that was converted since has its channels elsewhere now.
        var stored = new Preprocessing(6, 8) { Scale = 1 / 255f };
        var metadata = new Dictionary<string, string> { ["preprocessing"] = stored.ToJson() };
        Assert.Equal(stored with { Layout = TensorLayout.Nhwc }, ModelInput.PreprocessingFor("model", [-1, 8, 6, 3], null, metadata));
        Assert.Equal(2, ModelInput.PreprocessingFor("model", [-1, 8, 6, 3], new PreprocessingDocument(Scale: 2), metadata).Scale);
    }

    [Theory]
    [InlineData("imagenet")]
    [InlineData("null")]
    [InlineData("""{"width":224,"height":224,"scale":2}""")]
    public void Preprocessing_OfAnotherToolsMeaning_IsLeftAlone(string stored) =>
        Assert.Equal(new Preprocessing(6, 8), ModelInput.PreprocessingFor("model", [-1, 3, 8, 6], null, new Dictionary<string, string> { ["preprocessing"] = stored }));

    [Theory]
    [InlineData(new[] { -1, 4, 8, 6 })]
    [InlineData(new[] { -1, 10 })]
    public void Input_ThatIsNoImage_IsRefusedWithItsShape(int[] shape) =>
        Assert.Contains(string.Join(',', shape), Assert.Throws<InputException>(() => ModelInput.PreprocessingFor("model", shape, null, None)).Message);

    [Theory]
    [InlineData("""["b","a"]""", "b,a")]
    [InlineData("""{"0":"a"}""", null)]
    [InlineData("[1,2]", null)]
    [InlineData("a b", null)]
    public void Labels_OfAFile_AreAnArrayOfNames(string stored, string? expected) =>
        Assert.Equal(expected?.Split(','), ModelInput.LabelsOf(new Dictionary<string, string> { ["labels"] = stored }));
}
