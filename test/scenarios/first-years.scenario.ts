// The first year of the three products that `drawdown catalog init` begins (examples/catalogues), one customer each.
export default `
R-20 R-30 R-32 R-53   the first year of the page’s product  catalogue page
at          do
2026-01-31  subscribe creator month
2026-02-03  use avatar_iv 300
2026-02-10  buy 1
2026-02-20  use video_asset 20
2026-02-28  look
2026-03-05  use video_translation 900
2026-03-31  look
2026-04-12  add_on 0
2026-04-30  look
2026-05-14  use add_motion 15
2026-06-02  change business month
2026-06-20  use ai_model_training 30
2026-07-02  look
2026-09-18  buy 2
2026-10-02  look
2026-11-11  hold video_asset 12
2026-11-11  capture 150
2026-12-02  use avatar_iv 1800
2027-01-31  look

R-17 R-23 R-30a R-31a   the first year of the chat product  catalogue chat
at          do
2026-01-05  subscribe free week
2026-01-07  use fast_model 42000
2026-01-12  look
2026-01-20  use fast_model 51000
2026-02-02  cancel now
2026-02-02  subscribe plus month method sandbox_ok
2026-02-05  use deep_model 9000
2026-02-06  buy 1 pack boost_500
2026-02-09  look
2026-03-09  look
2026-03-12  use deep_model 240000
2026-03-20  buy 1 pack boost_500
2026-03-21  use voice 4800
2026-04-09  use web_search 100
2026-05-09  method sandbox_declined
2026-06-09  look
2026-06-10  method sandbox_ok
2026-07-09  look
2026-08-01  grant 300 until 2026-10-01
2026-08-20  use fast_model 3100000
2026-10-20  change plus year
2026-11-09  use deep_model 100000
2027-01-05  look

R-16 R-17 R-31a R-83   the first year of the image API  catalogue images
at          do
2026-02-28  subscribe free month
2026-02-28  grant 100
2026-03-03  use image 20
2026-03-28  look
2026-03-30  use image_large 30
2026-04-02  method sandbox_ok
2026-04-02  buy 1 pack small
2026-04-03  use image 90
2026-04-15  change studio quarter
2026-05-15  use image 600
2026-05-20  use variation 900
2026-06-01  buy 1 pack medium
2026-07-15  look
2026-07-20  use upscale 333.5
2026-08-15  look
2026-10-15  use image_large 250
2026-12-01  cancel
2026-12-24  use image 700
2027-01-15  look
2027-02-28  look
`;
